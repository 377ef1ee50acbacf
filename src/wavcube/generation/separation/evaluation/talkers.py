"""Lists of mixtures of two talkers -> an utterance for each talker, and what belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.data.manifest import parse_filters, read_clips
from wavcube.data.mixing.written_talkers import NUMBERS
from wavcube.errors import DataError
from wavcube.generation.regression.evaluation.references import clean_beside

MIXTURE = "mixture"
"""Column with the name of the mixture that a talker is in: both talkers of one are no two independent measurements."""


@dataclass(frozen=True)
class Talker:
    """Recordings that belong to a talker of a mixture.

    Attributes:
        mixture: both talkers.
        own: the talker alone, as in the mixture.
        other: the other one alone.
        enrolment: the talker in another recording, if there is one.
    """

    mixture: Path
    own: Path
    other: Path
    enrolment: Path | None


def read_talkers(
    data: Path, filters: Sequence[str] = (), limit: int | None = None
) -> tuple[list[Clip], dict[str, Talker]]:
    """Both talkers of each mixture of a list as clips, and what belongs to them by the clips' names.

    Columns: path, source1, source2; enrolment1, speaker1, transcript1, language1 and their like are optional, see
    `write_talker_mixtures`. The clips have the columns mixture and speaker beside those of the list.

    Args:
        data: the list.
        filters: COLUMN=VALUE, rows that are kept.
        limit: only the first so many mixtures.

    Raises:
        DataError: columns or recordings that are missing.
    """
    clips, talkers = [], {}
    for mixture in read_clips(data, parse_filters(filters), limit):
        sources = [clean_beside(data, mixture, f"source{k}") for k in NUMBERS]
        for k, own, other in zip(NUMBERS, sources, reversed(sources), strict=True):
            cells = {name: mixture.columns.get(f"{name}{k}", "") for name in ("speaker", "transcript", "language")}
            enrolment = mixture.columns.get(f"enrolment{k}", "")
            if enrolment and not (data.parent / enrolment).is_file():
                raise DataError(f"{data}: {data.parent / enrolment} does not exist")
            clip = replace(
                mixture,
                name=f"{mixture.name}-{k}",
                path=own,
                transcript=cells["transcript"] or None,
                language=cells["language"] or mixture.language,
                columns={**mixture.columns, "speaker": cells["speaker"], MIXTURE: mixture.name},
            )
            clips.append(clip)
            talkers[clip.name] = Talker(mixture.path, own, other, data.parent / enrolment if enrolment else None)
    return clips, talkers
