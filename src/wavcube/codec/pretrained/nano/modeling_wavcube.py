"""WavCube for trust_remote_code=True; the code itself is the package: pip install wavcube."""

from wavcube.hf import WavCubeFeatureExtractor, WavCubeModel, WavCubeModelConfig  # noqa: F401
