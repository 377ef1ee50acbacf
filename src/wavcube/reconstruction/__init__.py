"""Reconstruction, the paper's Table 1: systems are compared by metrics on the same recordings.

`evaluate_reconstruction(EvaluationSettings(...))` does all of it; its steps are `read_clips`, `choose_metrics`,
`load_system`, `evaluate` and `write_report`.
"""

from wavcube.data.clip import Clip
from wavcube.data.manifest import read_clips
from wavcube.evaluation.metrics import METRICS, MetricOptions, choose_metrics
from wavcube.evaluation.report import write_report
from wavcube.evaluation.runner import evaluate
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.evaluation.summary import summarise
from wavcube.evaluation.systems import load_system
from wavcube.reconstruction.evaluate_systems import evaluate_reconstruction

__all__ = [
    "METRICS",
    "Clip",
    "EvaluationSettings",
    "MetricOptions",
    "choose_metrics",
    "evaluate",
    "evaluate_reconstruction",
    "load_system",
    "read_clips",
    "summarise",
    "write_report",
]
