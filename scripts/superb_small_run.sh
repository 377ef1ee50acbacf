#!/usr/bin/env bash
# The small real-data comparison of docs/understanding.md: representations on seven tasks, then the report.
#
#   python scripts/superb_small_data.py DATA runs/superb-small/manifests --lexicon cmudict.dict
#   scripts/superb_small_run.sh cmudict.dict wavcube features logmel
set -euo pipefail
lexicon=$1
shift
models=()
for model in "$@"; do models+=(--model "$model"); done
run() { python -m wavcube superb "$@" --output runs/superb-small "${models[@]}" --device cpu; }
lists=runs/superb-small/manifests

run ks --data $lists/ks-digits.tsv --set steps=2000 --lr 1e-2 --lr 1e-3
run ks --data $lists/ks-wake.tsv --set steps=1000 --lr 1e-2 --lr 1e-3
run sid --data $lists/sid-an4.tsv --set steps=2000 --set batch=32 --set accumulate=1 --lr 1e-2 --lr 1e-3
run ic --data $lists/ic-coffee.tsv --set steps=1000 --lr 1e-2 --lr 1e-3
run asv --data $lists/asv-an4.tsv --set steps=500 --set batch=16 --set accumulate=1 --set width=64 \
    --set crop_seconds=2 --set evaluations=5 --lr 3e-3
run pr --data $lists/pr-english.tsv --set "lexicon=$lexicon" --set steps=2000 --set accumulate=1 --lr 1e-2
for form in published scaled; do
    run asr --data $lists/asr-an4.tsv --set steps=500 --set batch=16 --set width=128 --set depth=1 \
        --set evaluations=5 --set specaugment=$form --lr 3e-3
done
python -m wavcube superb report runs/superb-small
