"""Evaluation of a frozen representation by SUPERB's ten tasks (Yang et al. 2021) and three of SUPERB-SG.

A task reads its data, builds a light head, trains it on cached frames, and measures. Each task is a file that holds
its data reader, its head and its metric, in that order. In the order the data flows: corpora/ (what is read), config
(how a head is trained), heads, ctc, conversion/ (decoder, sound and metrics of voice conversion), task (what a task
is), tasks/, training/ (batches, one training, several learning rates), results, run_task (all of it), check and report.
"""

from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.results import Estimate, Result
from wavcube.understanding.run_task import Options, run_task
from wavcube.understanding.tasks import TASKS, task_named

__all__ = ["TASKS", "Estimate", "Options", "ProbeConfig", "Result", "run_task", "task_named"]
