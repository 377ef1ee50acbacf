# Every target sets itself up: a virtual environment in .venv, with uv if it is there, else pip.
# WAVCUBE_TORCH=... names another torch requirement, e.g. WAVCUBE_TORCH="torch==2.13.0".

VENV    := .venv
PY      := $(VENV)/bin/python
# `make test` begins no test after so many minutes, and says how many are left; empty for all of them, however long.
export WAVCUBE_TEST_MINUTES ?= 13
EXTRAS  := train,eval,superb,tts,demo,onnx,hf,docs,dev

.PHONY: demo test test-slow test-ray lint format docs bench bench-full bench-compare reproduce-small learnability clean

$(VENV)/.core: pyproject.toml scripts/setup
	scripts/setup $(VENV)
	touch $@

$(VENV)/.dev: pyproject.toml scripts/setup
	scripts/setup $(VENV) $(EXTRAS)
	touch $@ $(VENV)/.core

demo: $(VENV)/.core  ## encode a recording, decode it, and say where the result lies
	$(PY) -m wavcube demo

test: $(VENV)/.dev  ## lint, types and all tests that need neither a GPU nor the network
	$(PY) -m ruff check . && $(PY) -m ruff format --check .
	$(PY) -m mypy & types=$$!; \
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal -m "not slow and not gpu and not network"; tests=$$?; \
	wait $$types && exit $$tests

test-slow: $(VENV)/.dev  ## full-size models, an hour of audio
	WAVCUBE_TEST_MINUTES= $(PY) -m pytest -m "slow and not network"

test-ray: $(VENV)/.dev  ## a Ray cluster on this machine, of which parts die; installs ray (200 MB)
	scripts/setup $(VENV) $(EXTRAS),ray
	OMP_NUM_THREADS=1 $(PY) -m pytest tests/corpora/test_ray_cluster.py

lint: $(VENV)/.dev
	$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

format: $(VENV)/.dev
	$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

docs: $(VENV)/.dev  ## the documentation site, strictly built, in build/site
	$(PY) scripts/build_site.py

bench: $(VENV)/.dev  ## speed on this machine in a few minutes; results in benchmarks/results
	$(PY) -m benchmarks

bench-full: $(VENV)/.dev  ## the same with more repetitions, a full-size folder and an hour of audio; about 20 minutes
	$(PY) -m benchmarks --full

bench-compare: $(VENV)/.dev  ## two results by ratios; fails where one lost a tenth: make bench-compare OLD=a.json NEW=b.json
	$(PY) -m benchmarks.compare $(OLD) $(NEW) $(ARGS)

reproduce-small: $(VENV)/.dev  ## the paper in small, hours: make reproduce-small DATA=speech.tsv ENCODER=openai/whisper-base
	$(PY) scripts/reproduce_small.py --data $(DATA) --encoder $(ENCODER) $(ARGS)

learnability: $(VENV)/.dev  ## which representations a diffusion transformer learns, and how fast (docs/generation.md)
	$(PY) scripts/learnability.py $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
