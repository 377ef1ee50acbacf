"""The loss of a representation before any generator: true recordings, encoded and decoded, under the same metrics."""

from collections.abc import Iterator, Sequence

from wavcube.data.clip import Clip, read_clip
from wavcube.errors import DataError
from wavcube.evaluation.metrics import Pair, Recording
from wavcube.generation.flow.feature_codec import FeatureCodec
from wavcube.generation.tts.training.config import SampleSettings
from wavcube.generation.tts.training.sample_metrics import SampleMetrics
from wavcube.generation.tts.training.samples import SENTENCE_S, sentences


def resynthesise(
    representation: FeatureCodec, utterances: Sequence[Clip], settings: SampleSettings
) -> dict[str, float]:
    """Measure recordings that went through a representation and back: what is generated on it can hardly be better.

    Args:
        representation: with a way back to speech.
        utterances: `settings.count` of their `sentences` are taken from all over the list.
        settings: name the ASR model and the speaker encoder.

    Returns:
        Means of "wer" and "cer" (%), and of "speaker_similarity" to the original; of those that are named.

    Raises:
        DataError: no utterance has a transcript and at most 10 s.
        CheckpointError: the representation has no way back.
        WavCubeError: one of them cannot be had.
    """
    sample_metrics = SampleMetrics(settings)
    if not sample_metrics:
        return {}
    fit = sentences(utterances)
    if not fit:
        raise DataError(f"no utterance with a transcript lasts at most {SENTENCE_S:g} s")
    chosen = fit[:: max(1, len(fit) // settings.count)][: settings.count]
    return sample_metrics.means(_pairs(representation, chosen))


def _pairs(representation: FeatureCodec, utterances: Sequence[Clip]) -> Iterator[Pair]:
    rate = representation.extractor.sample_rate
    for utterance in utterances:
        waveform = read_clip(utterance, rate)
        decoded = representation.decode(representation.encode(waveform))
        yield Pair(Recording(waveform, rate), Recording(decoded, rate), utterance.transcript, utterance.language)
