# ruff: noqa: RUF001 (Chinese punctuation)
"""Long texts in pieces that can be spoken at once: at sentences, else at clauses, else between words."""

import re

_SENTENCE = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|(?<=[。！？])")
_CLAUSE = re.compile(r"(?<=[,;:])\s+|(?<=[，；：、])")
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "st", "prof", "sr", "jr", "gen", "col", "capt"}
    | {"vs", "etc", "no", "vol", "fig", "e.g", "i.e", "approx", "dept"}
)


def split_sentences(text: str) -> list[str]:
    """Sentences of a text, in order; a full stop after an abbreviation or an initial ends none."""
    sentences: list[str] = []
    for piece in _cut(text, _SENTENCE):
        if sentences and _is_open(sentences[-1]):
            sentences[-1] += " " + piece
        else:
            sentences.append(piece)
    return sentences


def split_text(text: str, longest: int) -> list[str]:
    """Pieces of at most `longest` UTF-8 bytes (or a single word), as many whole sentences in each as fit.

    Args:
        text: to be spoken.
        longest: bytes of a piece, above zero.
    """
    pieces: list[str] = []
    for sentence in split_sentences(text):
        for part in _at_most(sentence, longest):
            joined = f"{pieces[-1]}{_space(pieces[-1])}{part}" if pieces else part
            if pieces and len(joined.encode()) <= longest:
                pieces[-1] = joined
            else:
                pieces.append(part)
    return pieces


def _at_most(sentence: str, longest: int) -> list[str]:
    if len(sentence.encode()) <= longest:
        return [sentence]
    clauses = _cut(sentence, _CLAUSE)
    if len(clauses) > 1:
        return [part for clause in clauses for part in _at_most(clause, longest)]
    words = sentence.split()
    # Chinese has no spaces: then characters are the smallest pieces.
    units = (
        words
        if len(words) > 1
        else [sentence[i : i + longest // 4 or 1] for i in range(0, len(sentence), longest // 4 or 1)]
    )
    parts = [units[0]]
    for unit in units[1:]:
        joined = f"{parts[-1]} {unit}" if len(words) > 1 else parts[-1] + unit
        if len(joined.encode()) <= longest:
            parts[-1] = joined
        else:
            parts.append(unit)
    return parts


def _cut(text: str, where: re.Pattern[str]) -> list[str]:
    """The text cut at matches; closing quotes that a match took stay with what they close."""
    pieces, begin = [], 0
    for match in where.finditer(text):
        pieces.append(text[begin : match.start()] + match[0].rstrip())
        begin = match.end()
    pieces.append(text[begin:])
    return [piece.strip() for piece in pieces if piece.strip()]


def _is_open(sentence: str) -> bool:
    last = sentence.split()[-1]
    word = last.rstrip(".").lstrip("(\"'")
    return last.endswith(".") and (
        word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word != "I")
    )


def _space(text: str) -> str:
    return "" if text[-1] in "。！？，；：、" else " "
