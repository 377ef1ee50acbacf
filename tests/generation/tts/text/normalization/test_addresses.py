import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "https://www.example.com/path?x=1",
            "double you double you double you dot example dot com slash path question mark ex equals one",
        ),
        ("www.test.org", "double you double you double you dot test dot org"),
        ("example.com", "example dot com"),
        ("john.doe@example.com", "john dot doe at example dot com"),
        ("me@mail.co.uk", "me at mail dot co dot uk"),
        ("see https://x.io.", "see ex dot io."),
        ("GitHub.com/user_name", "git hub dot com slash user underscore name"),
        ("README.md", "readme dot em dee"),
        ("@john_doe", "at john underscore doe"),
        ("#hashtag", "hashtag hashtag"),
        ("192.168.0.1", "one nine two dot one six eight dot zero dot one"),
        ("Node.js", "node dot jay ess"),
    ],
)
def test_addresses_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
