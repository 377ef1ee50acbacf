"""The ten tasks of SUPERB and three of SUPERB-SG, by name."""

from wavcube.errors import ConfigError
from wavcube.understanding.task import Task
from wavcube.understanding.tasks.asr import SpeechRecognition
from wavcube.understanding.tasks.asv import SpeakerVerification
from wavcube.understanding.tasks.er import EmotionRecognition
from wavcube.understanding.tasks.ic import IntentClassification
from wavcube.understanding.tasks.ks import KeywordSpotting
from wavcube.understanding.tasks.pr import PhonemeRecognition
from wavcube.understanding.tasks.qbe import QueryByExample
from wavcube.understanding.tasks.sd import Diarisation
from wavcube.understanding.tasks.se import Enhancement
from wavcube.understanding.tasks.sf import SlotFilling
from wavcube.understanding.tasks.sid import SpeakerIdentification
from wavcube.understanding.tasks.ss import Separation
from wavcube.understanding.tasks.vc import VoiceConversion

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
        Enhancement(),
        Separation(),
        VoiceConversion(),
    )
}
"""In the order of the tables of SUPERB and SUPERB-SG."""


def task_named(name: str) -> Task:
    """The task of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}; there are {', '.join(TASKS)}")
    return TASKS[name]
