"""How good is reconstructed speech: metrics, systems to compare, evaluation, report.

In the order of the data: utterances (what to evaluate on), systems (what reconstructs), metrics,
evaluation (with scoring and results: everything on everything), statistics and summary, report.
"""

from wavcube.data.clip import Clip
from wavcube.data.manifest import read_clips
from wavcube.evaluation.metrics import METRICS, MetricOptions, choose_metrics
from wavcube.evaluation.report import write_report
from wavcube.evaluation.runner import evaluate
from wavcube.evaluation.summary import summarise
from wavcube.evaluation.systems import load_system

__all__ = [
    "METRICS",
    "Clip",
    "MetricOptions",
    "choose_metrics",
    "evaluate",
    "load_system",
    "read_clips",
    "summarise",
    "write_report",
]
