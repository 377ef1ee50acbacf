"""WavCube as a model of transformers; users import it as `wavcube.hf`."""
