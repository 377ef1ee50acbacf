"""A written text -> what a model will say of it."""

from dataclasses import dataclass
from typing import Protocol

from wavcube.generation.tts.text.frontend import TextError, TextFrontend, normalised, plain
from wavcube.generation.tts.text.letters import plain_letter
from wavcube.generation.tts.text.markup import Section, read_markup
from wavcube.generation.tts.text.sentences import split_sentences
from wavcube.generation.tts.text.unspoken import Unspoken, other_scripts, report, without
from wavcube.generation.tts.text.vocabulary import Vocabulary


class Reader(Protocol):
    """What a model says of texts: see `FlowMatchingTTS`."""

    text_frontend: TextFrontend
    vocabulary: Vocabulary

    @property
    def language(self) -> str: ...


@dataclass
class SpokenText:
    """What will be said of a text.

    Attributes:
        sections: words, with the pauses that the text asks for.
        unspoken: what is left out.
        report: the same in a line, each part with its place; empty where nothing is left out.
        is_empty: nothing is said at all.
    """

    sections: list[Section]
    unspoken: list[Unspoken]
    report: str
    is_empty: bool

    @property
    def text(self) -> str:
        return " ".join(section.text for section in self.sections if section.text)


def prepare_text(text: str, model: Reader) -> SpokenText:
    """The words of a text, without markup and without what the model has no sound for.

    Args:
        text: as it is written.
        model: whose frontend, vocabulary and language count.

    Raises:
        TextError: it is not a string, or its markup cannot be read.
    """
    if not isinstance(text, str):
        kind = "None" if text is None else type(text).__name__
        raise TextError(f"the text is {kind}; give a string" + (", such as text.decode()" if kind == "bytes" else ""))
    unspoken = other_scripts(text, model.language)
    sections = []
    for section in read_markup(without(text, unspoken)):
        known, more = _known(plain(normalised(section.text, model.language)), text, model)
        sections.append(Section(known, section.pause))
        unspoken = unspoken + more
    said = (model.text_frontend(part) for section in sections for part in split_sentences(section.text))
    return SpokenText(sections, unspoken, report(unspoken, text), not any(said))


def _known(words: str, written: str, model: Reader) -> tuple[str, list[Unspoken]]:
    """Words without what is not in the vocabulary: single characters, else whole words, after plainer letters."""
    unknown = _unknown(words, model)
    if not unknown:
        return words, []
    for character in unknown:
        plainer = plain_letter(character)
        if plainer != character and not _unknown(plainer, model):
            words = words.replace(character, plainer)
    left_out = []
    for character in _unknown(words, model):
        if character in words:
            words = words.replace(character, " ")
            left_out.append(Unspoken(character, written.find(character)))
    kept = []
    for word in words.split():
        if _unknown(word, model):
            left_out.append(Unspoken(word, written.find(word)))
        else:
            kept.append(word)
    return " ".join(kept), left_out


def _unknown(text: str, model: Reader) -> list[str]:
    """Tokens of a text that the vocabulary lacks, by sentences, as it is spoken, so that nothing is read twice."""
    tokens = [token for sentence in split_sentences(text) for token in model.text_frontend(sentence)]
    return model.vocabulary.unknown(tokens)
