"""Training: a speech encoder and a folder of audio -> a WavCube model, in two stages.

Read in this order: loop (the whole of training, from top to bottom), objective and stages (what is learnt), acoustic,
losses, mel, discriminators (by which losses), distill and teachers (a small encoder to begin with); then config and
recipe, start, data/, validation, latent_statistics, checkpoints, and what the loop leans on: hardware, schedule, ema,
feature_cache, throughput, logger, preemption, run_dir. `run.train_run` is where the command line comes in.
"""
