"""Parts that only small models need: the closed form, the pitch network and a cache of features."""
