"""Training: a speech encoder and a folder of audio -> a WavCube model, in two stages.

Read in this order: run (where the command line comes in), config and recipe, tasks (objective, data and validation of
a run), engine/fit (the loop), init_from, stages (what is learnt), acoustic_loss, losses, discriminators (by which
losses), validation, latent_statistics; small/ has the closed form, the pitch network and the cache of small models.
"""
