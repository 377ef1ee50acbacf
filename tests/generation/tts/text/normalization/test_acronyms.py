import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("USA", "you ess ay"),
        ("CEO", "see ee oh"),
        ("AI", "ay eye"),
        ("NASA", "nasa"),
        ("the USA is", "the you ess ay is"),
        ("He works at NASA now", "He works at nasa now"),
        ("R&D", "are and dee"),
        ("AT&T", "ay tee and tee"),
        ("Q&A", "cue and ay"),
        ("GPUs", "gee pee yous"),
        ("PhDs", "pee aitch dees"),
        ("the USA's", "the you ess ay's"),
        ("OK", "okay"),
        ("HELLO", "hello"),
        ("STOP IT", "stop it"),
        ("WHAT IS IT", "what is it"),
        ("IT department", "eye tee department"),
        ("MR BROWN WENT TO THE USA", "mister brown went to the you ess ay"),
        ("HTML", "aitch tee em ell"),
        ("MP3", "em pee three"),
        ("B2B", "bee two bee"),
        ("H2O", "aitch two oh"),
        ("COVID-19", "covid nineteen"),
        ("GPT-4", "gee pee tee four"),
        ("I am", "I am"),
        ("I AM", "I am"),
        ("Plan B", "Plan bee"),
        ("vitamin A", "vitamin ay"),
        ("A dog", "A dog"),
        ("U.S.A.", "you ess ay."),
        ("U.S. Army", "you ess Army"),
        ("camelCase", "camel Case"),
        ("getUserName", "get User Name"),
        ("HTTPServer", "aitch tee tee pee Server"),
        ("snake_case", "snake case"),
        ("YouTube", "youtube"),
        ("McDonald", "mcdonald"),
        ("iPhone", "iphone"),
        ("JavaScript", "javascript"),
        ("parseJSON", "parse jay son"),
        ("T-shirt", "tee-shirt"),
    ],
)
def test_acronyms_initialisms_camelcase_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
