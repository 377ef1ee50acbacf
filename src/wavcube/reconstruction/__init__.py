"""How good is reconstructed speech: metrics, systems to compare, evaluation, report.

In the order of the data: utterances (what to evaluate on), systems (what reconstructs), metrics (what judges),
evaluation (with scoring and results: everything on everything), statistics and summary, report.
"""

from wavcube.reconstruction.evaluation import evaluate
from wavcube.reconstruction.metrics import METRICS, MetricOptions, choose_metrics
from wavcube.reconstruction.report import write_report
from wavcube.reconstruction.summary import summarise
from wavcube.reconstruction.systems import load_system
from wavcube.reconstruction.utterances import Utterance, read_utterances

__all__ = [
    "METRICS",
    "MetricOptions",
    "Utterance",
    "choose_metrics",
    "evaluate",
    "load_system",
    "read_utterances",
    "summarise",
    "write_report",
]
