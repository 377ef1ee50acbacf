"""Runs of enhancement, see `wavcube.generation.regression.training.run`."""

import functools

from wavcube.generation.enhancement.training.objective import EnhancementObjective
from wavcube.generation.regression.training import run

train_run = functools.partial(run.train_run, EnhancementObjective)
