"""Names of weights, and what a prepared model refuses."""

import copy
import pickle

import pytest
import torch

from tests.codec.small import small_model
from wavcube import WavCube
from wavcube.errors import CheckpointError, WavCubeError


@pytest.fixture(scope="module")
def model() -> WavCube:
    return small_model()


@pytest.fixture(scope="module")
def prepared(model: WavCube) -> WavCube:
    return copy.deepcopy(model).optimize(torch.float32)


def test_names_are_of_the_weights_that_they_depend_on(model: WavCube) -> None:
    other = copy.deepcopy(model)
    with torch.no_grad():
        next(other.decoder.parameters()).add_(1.0)
    assert other.identity == model.identity
    assert other.weights_fingerprint() != model.weights_fingerprint()
    with torch.no_grad():
        next(other.compressor.parameters()).add_(1.0)
    assert other.identity != model.identity


def test_a_given_name_holds_until_the_weights_change(model: WavCube) -> None:
    named = copy.deepcopy(model)
    named.name_latents("0123456789abcdef")
    assert named.half().float().identity == "0123456789abcdef"
    with torch.no_grad():
        next(named.encoder.parameters()).add_(1.0)
    assert named.identity != "0123456789abcdef"


def test_a_prepared_model_keeps_its_names_and_its_type(model: WavCube, prepared: WavCube) -> None:
    assert (model.optimized, prepared.optimized) == (False, True)
    assert (prepared.identity, prepared.weights_fingerprint()) == (model.identity, model.weights_fingerprint())
    assert prepared.precision == "float32"
    assert prepared.to(torch.float32) is prepared
    with pytest.raises(WavCubeError, match=r"stays in torch\.float32 on cpu"):
        prepared.half()


def test_a_prepared_model_has_no_weights_to_give_or_take(model: WavCube, prepared: WavCube) -> None:
    with pytest.raises(CheckpointError, match="no weights to save"):
        prepared.state_dict()
    with pytest.raises(CheckpointError, match="no weights to save, to load"):
        prepared.load_state_dict(model.state_dict())


def test_graphs_are_not_copied(model: WavCube) -> None:
    graphs = copy.copy(model)
    graphs.backend = "onnx"
    for twin in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(WavCubeError, match="cannot be copied or pickled"):
            twin(graphs)
    assert model.backend == "torch"
