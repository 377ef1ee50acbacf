"""SSML and Markdown -> the text that is meant, with the pauses that are asked for."""

import html
import re
from dataclasses import dataclass

from wavcube.generation.tts.text.frontend import TextError

STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}
"""Seconds of `<break strength="...">`, as SSML leaves them to the voice."""

LONGEST_BREAK_S = 60.0

_TAG = re.compile(
    r"<(?P<close>/)?(?P<name>speak|p|s|break|emphasis|prosody|voice|say-as|sub|phoneme|mark|lang|w|audio|desc)\b(?P<rest>[^<>]*?)/?>"
)
_ATTRIBUTE = re.compile(r"(?P<name>[\w:-]+)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')")
_SUB = re.compile(r"<sub\b(?P<rest>[^<>]*)>.*?</sub>", re.DOTALL)
_SPELLED = re.compile(
    r"<say-as\b[^<>]*interpret-as\s*=\s*[\"'](?:characters|spell-out)[\"'][^<>]*>(?P<text>.*?)</say-as>", re.DOTALL
)
_COMMENT = re.compile(r"<!--.*?-->|<\?xml[^<>]*\?>", re.DOTALL)
_HTML = re.compile(
    r"</?(?:b|i|em|strong|u|br|hr|a|code|span|div|h[1-6]|ul|ol|li|sup|small|pre|blockquote)\b[^<>]*>", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|amp|lt|gt|quot|apos|nbsp|mdash|ndash|hellip);")

_MARKDOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^\s*(?:```|~~~).*$", re.MULTILINE), ""),  # the fences of code, not what is inside
    (re.compile(r"!\[(?P<text>[^\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)"), r"\g<text>"),
    (re.compile(r"\[(?P<text>[^\]]+)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)"), r"\g<text>"),
    (re.compile(r"^\s*\[[^\]]+\]:\s+\S+.*$", re.MULTILINE), ""),
    (re.compile(r"^\s{0,3}#{1,6}\s+(?P<text>.*?)\s*#*\s*$", re.MULTILINE), "\\g<text>\n\n"),
    (re.compile(r"^\s{0,3}(?:[-*_]\s*){3,}$", re.MULTILINE), ""),
    (re.compile(r"^\s{0,3}>\s?", re.MULTILINE), ""),
    (
        re.compile(r"^\s*[-*+•]\s+(?:\[[ xX]\]\s+)?(?P<text>.*?)(?P<end>[.!?;,:]?)\s*$", re.MULTILINE),
        r"\g<text>\g<end>\n",
    ),
    (re.compile(r"(?<![\w*])\*\*\*(?=\S)(?P<text>.+?)(?<=\S)\*\*\*(?!\w)"), r"\g<text>"),
    (re.compile(r"(?<![\w*])\*\*(?=\S)(?P<text>.+?)(?<=\S)\*\*(?!\w)"), r"\g<text>"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])(?P<text>[^*\n]+?)(?<=\S)\*(?![\w*])"), r"\g<text>"),
    (re.compile(r"(?<!\w)__(?=\S)(?P<text>.+?)(?<=\S)__(?!\w)"), r"\g<text>"),
    (re.compile(r"(?<![\w_])_(?=\S)(?P<text>[^_\n]+?)(?<=\S)_(?![\w_])"), r"\g<text>"),
    (re.compile(r"~~(?=\S)(?P<text>.+?)(?<=\S)~~"), r"\g<text>"),
    (re.compile(r"`+(?P<text>[^`\n]+)`+"), r"\g<text>"),
    (re.compile(r"^\s*\|?(?:\s*:?-{3,}:?\s*\|)+\s*:?-*:?\s*$", re.MULTILINE), ""),
)


@dataclass
class Section:
    """Part of a text.

    Attributes:
        text: without markup.
        pause: seconds of silence behind it that are asked for; 0 for none.
    """

    text: str
    pause: float = 0.0


def read_markup(text: str) -> list[Section]:
    """Sections of a text between the breaks that it asks for; markup is not read aloud.

    Raises:
        TextError: a break whose time cannot be read.
    """
    text = _COMMENT.sub(" ", text)
    text = _SUB.sub(lambda m: _attributes(m["rest"]).get("alias", ""), text)
    text = _SPELLED.sub(lambda m: " ".join(m["text"].upper()), text)
    sections, begin = [], 0
    for tag in _TAG.finditer(text):
        if tag["name"] != "break" or tag["close"]:
            continue
        sections.append(Section(_plain(text[begin : tag.start()]), _seconds(_attributes(tag["rest"]), tag[0])))
        begin = tag.end()
    return [*sections, Section(_plain(text[begin:]))]


def _plain(text: str) -> str:
    text = _TAG.sub(lambda m: "\n" if m["name"] in ("p", "s") else "", text)
    text = _HTML.sub(" ", text)
    for pattern, meant in _MARKDOWN:
        text = pattern.sub(meant, text)
    return _ended_lines(_ENTITY.sub(lambda m: html.unescape(m[0]), text)).strip()


def _ended_lines(text: str) -> str:
    """A paragraph, a heading or an entry of a list ends a sentence."""
    return re.sub(r"(?<=[^\s.!?:;,\"')\]])[ \t]*\n\s*\n\s*(?=\S)", ".\n", text)


def _attributes(text: str) -> dict[str, str]:
    return {m["name"]: m["double"] if m["double"] is not None else m["single"] for m in _ATTRIBUTE.finditer(text)}


def _seconds(attributes: dict[str, str], tag: str) -> float:
    if "time" not in attributes:
        strength = attributes.get("strength", "medium")
        if strength not in STRENGTHS:
            raise TextError(f"{tag}: no such strength; there are {', '.join(STRENGTHS)}")
        return STRENGTHS[strength]
    found = re.fullmatch(r"\+?(?P<number>\d+(?:\.\d+)?|\.\d+)(?P<unit>ms|s)", attributes["time"].strip())
    if found is None:
        raise TextError(f'{tag}: the time of a break is written as "500ms" or "0.5s"')
    seconds = float(found["number"]) / (1000 if found["unit"] == "ms" else 1)
    if seconds > LONGEST_BREAK_S:
        raise TextError(f"{tag}: a break lasts at most {LONGEST_BREAK_S:g} s")
    return seconds
