"""The configuration as recipes hold it."""

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wavcube.data.streaming import DataConfig, SourceConfig


def test_a_recipe_becomes_a_configuration():
    recipe = OmegaConf.create(
        {"sources": [{"path": "a.tsv", "where": {"split": "train"}, "weight": 2}], "max_seconds": 30}
    )
    config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(DataConfig), recipe))
    assert config == DataConfig([SourceConfig("a.tsv", where={"split": "train"}, weight=2.0)], max_seconds=30.0)


@pytest.mark.parametrize("recipe", [{"source": []}, {"sources": [{"pth": "a"}]}, {"max_bad_share": "many"}])
def test_a_typo_is_refused(recipe):
    with pytest.raises(OmegaConfBaseException):
        OmegaConf.merge(OmegaConf.structured(DataConfig), recipe)
