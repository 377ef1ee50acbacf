"""The ten tasks of SUPERB, by name."""

from wavcube.errors import ConfigError
from wavcube.understanding.asr import SpeechRecognition
from wavcube.understanding.asv import SpeakerVerification
from wavcube.understanding.er import EmotionRecognition
from wavcube.understanding.ic import IntentClassification
from wavcube.understanding.ks import KeywordSpotting
from wavcube.understanding.pr import PhonemeRecognition
from wavcube.understanding.qbe import QueryByExample
from wavcube.understanding.sd import Diarisation
from wavcube.understanding.sf import SlotFilling
from wavcube.understanding.sid import SpeakerIdentification
from wavcube.understanding.task import Task

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        PhonemeRecognition(),
        SpeechRecognition(),
        KeywordSpotting(),
        QueryByExample(),
        SpeakerIdentification(),
        SpeakerVerification(),
        Diarisation(),
        IntentClassification(),
        SlotFilling(),
        EmotionRecognition(),
    )
}
"""In the order of SUPERB's tables."""


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}; there are {', '.join(TASKS)}")
    return TASKS[name]
