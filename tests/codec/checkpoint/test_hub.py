"""Models to a hub and back, against a stand-in of the hub's HTTP interface (tests/hub.py)."""

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import constants

from tests.codec.small import TINY, moved, signal, small_model
from tests.hub import Hub, running_hub
from wavcube import WavCube
from wavcube.codec.checkpoint.model_card import CardFacts
from wavcube.errors import CheckpointError, ConfigError

FACTS = CardFacts("cc-by-4.0", ("en",), ("librispeech_asr",), "CC-BY-4.0", "openai/whisper-base", "MIT")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with running_hub() as running:
        point_to(running.address, monkeypatch, tmp_path)
        yield running


def point_to(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings that huggingface_hub takes from the environment when it is imported."""
    settings = {
        "ENDPOINT": address,
        "HUGGINGFACE_CO_URL_TEMPLATE": address + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_TOKEN_PATH": str(tmp_path / "token"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
    }
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture(scope="module")
def model() -> WavCube:
    return small_model()


@pytest.fixture(scope="module")
def files(model: WavCube, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("files")
    model.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# From the hub


def test_a_hub_id_is_downloaded(hub: Hub, files: dict[str, bytes], model: WavCube) -> None:
    hub.add("someone/something", {**files, "pytorch_model.bin": b"pickle", "README.md": b"card"})
    loaded = WavCube.from_pretrained("someone/something")
    assert loaded.identity == model.identity
    assert torch.equal(loaded.encode(signal(4_000), 16_000).values, model.encode(signal(4_000), 16_000).values)
    assert not [request for request in hub.requests if request.endswith((".bin", ".md"))]


def test_revision_subfolder_and_cache(hub: Hub, files: dict[str, bytes], model: WavCube, tmp_path: Path) -> None:
    other = small_model(seed=5)
    other.save_pretrained(tmp_path / "other")
    others = {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()}
    hub.add("someone/something", {f"small/{name}": content for name, content in files.items()})
    first = hub.repositories["someone/something"].branches["main"]
    hub.add("someone/something", others, branch="dev")
    cache = tmp_path / "elsewhere"
    dev = WavCube.from_pretrained("someone/something", revision="dev", cache_dir=cache)
    assert dev.identity == other.identity
    assert list(cache.iterdir())
    assert not (tmp_path / "cache").exists()
    for revision in (None, first):
        small = WavCube.from_pretrained("someone/something", revision=revision, subfolder="small")
        assert small.identity == model.identity
    with pytest.raises(CheckpointError, match=r"has no config\.json, so it is no wavcube checkpoint"):
        WavCube.from_pretrained("someone/something")
    with pytest.raises(CheckpointError, match=r"no config\.json in absent"):
        WavCube.from_pretrained("someone/something", subfolder="absent")


def test_subfolder_and_revision_of_a_local_folder(model: WavCube, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "small")
    assert WavCube.from_pretrained(tmp_path, subfolder="small").identity == model.identity
    with pytest.raises(CheckpointError, match=r"it has no config\.json"):
        WavCube.from_pretrained(tmp_path, subfolder="absent")
    with pytest.raises(ConfigError, match="a local folder and has no revision v1"):
        WavCube.from_pretrained(tmp_path / "small", revision="v1")
    with pytest.raises(ConfigError, match=r"subfolder \.\./x"):
        WavCube.from_pretrained(tmp_path, subfolder="../x")


def test_what_was_downloaded_needs_no_network(
    hub: Hub, files: dict[str, bytes], model: WavCube, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("someone/something", files)
    WavCube.from_pretrained("someone/something")
    asked = len(hub.requests)
    assert WavCube.from_pretrained("someone/something", local_files_only=True).identity == model.identity
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert WavCube.from_pretrained("someone/something").identity == model.identity
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("someone/absent", {}, "there is no such model, or it is private"),
        ("someone/private", {}, "there is no such model, or it is private"),
        ("someone/gated", {}, "access to it is restricted: ask for access"),
        ("someone/open", {"revision": "v9"}, "it has no revision v9"),
        ("someone/open", {"local_files_only": True}, "the cache lacks it or a part of it"),
        ("some one/some thing?", {}, "must use alphanumeric|Repo id must"),
    ],
)
def test_what_the_hub_does_not_give_is_one_sentence(hub: Hub, files, name: str, options, message: str) -> None:
    hub.add("someone/open", files)
    hub.add("someone/gated", files, gated=True)
    hub.add("someone/private", files, private=True)
    with pytest.raises(CheckpointError, match=message) as caught:
        WavCube.from_pretrained(name, **options)
    assert str(caught.value).startswith(f"{name}: neither a local folder nor a model that the hub gives (")
    assert "\n" not in str(caught.value)


def test_a_token_opens_what_is_private_and_gated(hub: Hub, files: dict[str, bytes], model: WavCube) -> None:
    hub.add("someone/private", files, private=True)
    hub.add("someone/gated", files, gated=True)
    for name in ("someone/private", "someone/gated"):
        assert WavCube.from_pretrained(name, token=hub.token).identity == model.identity


def test_offline_and_without_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    point_to(address, monkeypatch, tmp_path)
    with pytest.raises(CheckpointError, match=f"the hub at {address} cannot be reached") as caught:
        WavCube.from_pretrained("someone/something")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="the cache lacks it, and HF_HUB_OFFLINE forbids"):
        WavCube.from_pretrained("someone/something")


# To the hub


def entries(card: bytes) -> dict:
    return yaml.safe_load(card.decode().split("---\n")[1])


def test_pushed_models_come_back(hub: Hub, model: WavCube) -> None:
    from transformers import AutoModel

    import wavcube.hf  # noqa: F401

    address = model.push_to_hub("me/mine", card=FACTS, token=hub.token, private=True, dtype="float16")
    assert address.startswith(f"{hub.address}/me/mine/commit/")
    assert hub.repositories["me/mine"].private
    assert set(hub.files("me/mine")) == {
        ".gitattributes", "README.md", "config.json", "model.safetensors", "modeling_wavcube.py",
        "preprocessor_config.json",
    }  # fmt: skip
    assert len(hub.repositories["me/mine"].messages) == 2  # one commit
    assert WavCube.from_pretrained("me/mine", token=hub.token).identity == model.identity
    assert AutoModel.from_pretrained("me/mine", token=hub.token).identity == model.identity


def test_the_card_is_complete(hub: Hub, model: WavCube) -> None:
    model.push_to_hub("me/mine", card=FACTS, token=hub.token)
    card = hub.files("me/mine")["README.md"]
    found = entries(card)
    assert found["license"] == "cc-by-4.0"
    assert found["library_name"] == "transformers"
    assert found["pipeline_tag"] == "feature-extraction"
    assert {"audio-tokenizer", "speech", "codec", "audio-to-audio"} <= set(found["tags"])
    assert found["language"] in ("en", ["en"])
    assert found["datasets"] == ["librispeech_asr"]
    assert found["base_model"] == "openai/whisper-base"
    text = card.decode()
    for stated in ("MIT (the wavcube package)", "openai/whisper-base (MIT)", "librispeech_asr (CC-BY-4.0)"):
        assert stated in text
    assert model.identity in text


def test_branches_pull_requests_and_messages(hub: Hub, model: WavCube) -> None:
    other = small_model(seed=5)
    model.push_to_hub("me/mine", card=FACTS, token=hub.token)
    other.push_to_hub("me/mine", card=FACTS, token=hub.token, revision="dev", commit_message="Another one")
    proposed = other.push_to_hub("me/mine", card=FACTS, token=hub.token, create_pr=True)
    assert proposed == f"{hub.address}/me/mine/discussions/1"
    assert "Another one" in hub.repositories["me/mine"].messages
    assert WavCube.from_pretrained("me/mine").identity == model.identity
    for revision in ("dev", "refs/pr/1"):
        assert WavCube.from_pretrained("me/mine", revision=revision).identity == other.identity
    with pytest.raises(ConfigError, match="give revision or create_pr"):
        model.push_to_hub("me/mine", card=FACTS, token=hub.token, revision="dev", create_pr=True)


def test_pushing_again_leaves_nothing_of_the_old(hub: Hub, files: dict[str, bytes], model: WavCube) -> None:
    """Shards of an older model beside new weights would be loaded instead of them."""
    old = {"model-00001-of-00002.safetensors": b"old", "model.safetensors.index.json": b"{}", "notes.txt": b"kept"}
    hub.add("me/mine", {**files, **old})
    model.push_to_hub("me/mine", card=FACTS, token=hub.token)
    assert set(hub.files("me/mine")) == {*files, "README.md", "notes.txt"}


def test_a_failed_upload_leaves_the_old_model(hub: Hub, files, model: WavCube, monkeypatch) -> None:
    import huggingface_hub.utils._http as http

    monkeypatch.setattr(http.time, "sleep", lambda seconds: None)  # between its attempts
    hub.add("me/mine", files)
    hub.broken_uploads = True
    with pytest.raises(CheckpointError, match="me/mine: cannot be pushed"):
        small_model(seed=5).push_to_hub("me/mine", card=FACTS, token=hub.token)
    assert hub.files("me/mine") == files


@pytest.mark.parametrize(
    ("name", "token", "message"),
    [
        ("me/mine", "hf_bad", "the hub does not know who you are"),
        ("you/yours", "hf_good", "the token gives no right to do so"),
        ("no/such/name", "hf_good", "cannot be pushed"),
    ],
)
def test_who_may_not_push(hub: Hub, model: WavCube, name: str, token: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        model.push_to_hub(name, card=FACTS, token=token)
    assert "\n" not in str(caught.value)


def test_a_card_needs_a_licence_and_its_entries(hub: Hub, model: WavCube, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="state the licence of the weights"):
        model.push_to_hub("me/mine", card=CardFacts(), token=hub.token)
    card = tmp_path / "card.md"
    for text, message in (
        ("# Mine", "has no YAML entries"),
        ("---\nlicense: [\n---\n", "its YAML entries are damaged"),
        ("---\nlicense: mit\ntags: [speech]\n---\n", "lack library_name, pipeline_tag"),
    ):
        card.write_text(text)
        with pytest.raises(CheckpointError, match=message):
            model.push_to_hub("me/mine", card=card, token=hub.token)
    assert not [request for request in hub.requests if "commit" in request]
    card.write_text("---\nlicense: mit\nlibrary_name: transformers\npipeline_tag: x\ntags: [a]\n---\nMy own words.\n")
    model.push_to_hub("me/mine", card=card, token=hub.token)
    assert b"My own words." in hub.files("me/mine")["README.md"]


def test_source_filter_models_can_be_pushed(hub: Hub) -> None:
    config = dataclasses.replace(TINY, decoder=dataclasses.replace(TINY.decoder, architecture="source-filter"))
    made = moved(WavCube(config), scale=0.01)
    made.push_to_hub("me/mine", card=FACTS, token=hub.token)
    assert WavCube.from_pretrained("me/mine").identity == made.identity
