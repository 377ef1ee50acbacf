"""Recipes: what wins, what is refused, and that every one in the repository is sound."""

import pytest

from wavcube.configuration.recipes import config_yaml
from wavcube.errors import ConfigError
from wavcube.training.config import TrainConfig
from wavcube.training.init_from import model_config, stage1_model
from wavcube.training.recipe import load_config, read_recipe

NEEDED = ["init_from=x", "data.sources=[{path: a}]", "validation_data.sources=[{path: b}]"]


def test_the_nearer_to_the_user_wins(tmp_path):
    (tmp_path / "base.yaml").write_text(
        "losses: {mel: 1, gan: 1, semantic: 1}\nstage2: {losses: {gan: 2}}\n".replace(", semantic: 1", "")
    )
    (tmp_path / "recipe.yaml").write_text("base: base.yaml\nlosses: {mel: 3}\nstage1: {losses: {waveform: 4}}\n")
    recipe = tmp_path / "recipe.yaml"
    one = read_recipe("stage1", recipe, [*NEEDED, "losses.kl=5"]).losses
    two = read_recipe("stage2", recipe, NEEDED).losses
    assert (one.mel, one.gan, one.waveform, one.kl) == (3, 1, 4, 5)
    assert (two.mel, two.gan, two.waveform) == (3, 2, 0)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("losses.mell=1", "losses.mell"),
        ("lossses.mel=1", "lossses"),
        ("data.sources=[{paht: a}]", "paht"),
        ("optimizer.warmup=-1", "optimizer.warmup"),
        ("hardware.precision=fp8", "hardware.precision"),
        ("loader.crop_seconds=0.1", "crop_seconds"),
        ("model.closed_form_seconds=0", "model.closed_form_seconds"),
        ("data.sources=[]", "data.sources"),
        ("init_from=''", "init_from is empty"),
        ("task=stage3", "stage3"),
    ],
)
def test_a_wrong_setting_is_named(setting, named):
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        read_recipe("stage1", None, [*NEEDED, setting])


def test_a_typo_in_the_other_stage_is_found_too(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("stage2: {losses: {gann: 1}}\n")
    with pytest.raises(ConfigError, match=r"recipe\.yaml, section stage2: unknown key losses\.gann"):
        read_recipe("stage1", path, NEEDED)


def test_a_configuration_survives_its_file(tmp_path):
    config = read_recipe("stage2", None, [*NEEDED, "model.bottleneck={kind: vae}", "losses.mel=4.5"])
    (tmp_path / "config.yaml").write_text(config_yaml(config))
    again = load_config(tmp_path / "config.yaml")
    assert again == config


def test_the_defaults_are_the_published_stage_1():
    config = TrainConfig()
    losses, rates = config.losses, config.optimizer
    assert (losses.mel, losses.gan, losses.restored, losses.band, losses.kl) == (45, 1, 1, 1, 1e-4)
    assert config.discriminator.adversarial_start_step == 5000
    assert (rates.steps, rates.lr, rates.betas, rates.warmup) == (500_000, 1e-4, [0.8, 0.9], 5000)
    assert (config.loader.batch_size, config.loader.crop_seconds) == (14, 10.0)
    assert losses.waveform == losses.stft_magnitude == losses.stft_complex == rates.clip == rates.ema == 0


def _recipes(repository):
    """Those of the stages; recipes of generation are read, and tested, there."""
    return [
        path
        for path in sorted((repository / "recipes").glob("**/*.yaml"))
        if not path.name.startswith(("tts", "enhance", "separate"))
    ]


@pytest.mark.parametrize("task", ["stage1", "stage2"])
def test_every_recipe_of_the_repository_is_sound(repository, task):
    for path in _recipes(repository):
        config = read_recipe(task, path, ["init_from=somewhere"])
        model_config(config.model)


def test_the_published_stage_2(repository):
    config = read_recipe("stage2", repository / "recipes" / "wavcube.yaml", ["init_from=RUN"])
    losses = config.losses
    assert (losses.mel, losses.gan, losses.restored, losses.student) == (4.5, 0.1, 1, 1)
    assert config.discriminator.adversarial_start_step == 0
    assert config.loader.batch_size == 8


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("vae", "kind", "vae"),
        ("sigma-vae", "kind", "sigma-vae"),
        ("latent-64", "latent_dim", 64),
        ("25-hz", "frame_rate", 25),
    ],
)
def test_the_ablations_change_the_bottleneck(repository, name, key, value):
    config = read_recipe("stage1", repository / "recipes" / "ablations" / f"{name}.yaml", ["init_from=x"])
    assert getattr(model_config(config.model).bottleneck, key) == value


def test_the_layer_ablation_takes_another_layer(repository):
    config = read_recipe("stage1", repository / "recipes" / "ablations" / "layer-23.yaml", ["init_from=x"])
    assert model_config(config.model).encoder.feature_layer == 23


def test_the_w2v_bert_recipe_begins_with_a_layer_of_its_encoder(repository, tmp_path):
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

    sizes = {"hidden_size": 32, "num_hidden_layers": 18, "num_attention_heads": 2, "intermediate_size": 48}
    Wav2Vec2BertModel(Wav2Vec2BertConfig(**sizes)).save_pretrained(tmp_path)
    SeamlessM4TFeatureExtractor().save_pretrained(tmp_path)
    recipe = repository / "recipes" / "w2v-bert.yaml"
    assert read_recipe("stage1", recipe, []).init_from == "facebook/w2v-bert-2.0"
    model = stage1_model(read_recipe("stage1", recipe, [f"init_from={tmp_path}", "model.preset=tiny"]))
    config, layers = model.encoder.config, model.encoder.encoder.layers
    assert (config.family, config.feature_layer, len(layers)) == ("wav2vec2-bert", 17, 17)
    for part in (model.compressor, model.restorer):
        ours, theirs = (stack[0].self_attn.distance_embedding.weight for stack in (part.layers, layers))
        assert ours.equal(theirs)


def test_the_multilayer_recipe_mixes_five_layers(repository):
    config = read_recipe("stage1", repository / "recipes" / "wavcube-multilayer.yaml", [])
    encoder = model_config(config.model).encoder
    assert encoder.layer_numbers == (0, 6, 12, 18, 24)
    assert encoder.feature_width == encoder.width
