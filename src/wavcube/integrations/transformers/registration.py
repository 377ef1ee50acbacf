"""The Auto classes of transformers learn of WavCube."""

from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioTokenization

from wavcube.integrations.transformers.configuration import WavCubeModelConfig
from wavcube.integrations.transformers.feature_extraction import WavCubeFeatureExtractor
from wavcube.integrations.transformers.modeling import WavCubeModel


def register() -> None:
    """Let AutoConfig, AutoFeatureExtractor, AutoModel and AutoModelForAudioTokenization load wavcube folders."""
    AutoConfig.register(WavCubeModelConfig.model_type, WavCubeModelConfig, exist_ok=True)
    AutoFeatureExtractor.register(WavCubeModelConfig, WavCubeFeatureExtractor, exist_ok=True)
    AutoModel.register(WavCubeModelConfig, WavCubeModel, exist_ok=True)
    AutoModelForAudioTokenization.register(WavCubeModelConfig, WavCubeModel, exist_ok=True)
