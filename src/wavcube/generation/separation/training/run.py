"""Runs of separation, see `wavcube.generation.regression.training.run`."""

import functools

from wavcube.generation.regression.training import run
from wavcube.generation.separation.training.objective import SeparationObjective

train_run = functools.partial(run.train_run, SeparationObjective)
