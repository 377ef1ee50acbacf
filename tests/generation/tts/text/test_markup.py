import pytest

from wavcube.generation.tts.text.frontend import TextError
from wavcube.generation.tts.text.markup import Section, read_markup


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("<speak>Hello <emphasis level='strong'>there</emphasis>.</speak>", "Hello there."),
        ('<sub alias="World Wide Web">WWW</sub> works', "World Wide Web works"),
        ('<say-as interpret-as="characters">abc</say-as>', "A B C"),
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("# A title\n\nText with **bold**, *italic* and `code`.", "A title.\nText with bold, italic and code."),
        ("See [the manual](https://example.com/x) and ![a picture](p.png).", "See the manual and a picture."),
        ("- one\n- two", "one.\ntwo"),
        ("## Why?\nSo.", "Why?\n\n\nSo."),
        ("> quoted", "quoted"),
        ("~~gone~~ __kept__", "gone kept"),
        ("```python\nx\n```", "x"),
        ("Fish &amp; chips", "Fish & chips"),
        ("2 * 3 * 4 and a_b_c", "2 * 3 * 4 and a_b_c"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("a<br>b", "a b"),
        ("First paragraph\n\nsecond", "First paragraph.\nsecond"),
    ],
)
def test_markup_is_not_read_aloud(written: str, meant: str) -> None:
    assert [section.text for section in read_markup(written)] == [meant]


def test_breaks_cut_a_text() -> None:
    text = 'One.<break time="500ms"/> Two <break strength="strong"/>three<break/>'
    assert read_markup(text) == [Section("One.", 0.5), Section("Two", 0.7), Section("three", 0.4), Section("", 0.0)]


@pytest.mark.parametrize("tag", ['<break time="soon"/>', '<break time="90s"/>', '<break strength="huge"/>'])
def test_breaks_that_cannot_be_read_are_refused(tag: str) -> None:
    with pytest.raises(TextError, match="break"):
        read_markup(f"a {tag} b")
