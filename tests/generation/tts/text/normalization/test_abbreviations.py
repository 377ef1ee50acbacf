import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("St. John", "Saint John"),
        ("Main St.", "Main Street."),
        ("on Main St. in", "on Main Street in"),
        ("50 St. James St.", "fifty Saint James Street."),
        ("Dr. Smith", "Doctor Smith"),
        ("Dr Smith", "Doctor Smith"),
        ("Elm Dr.", "Elm Drive."),
        ("Mt. Everest", "Mount Everest"),
        ("Mr. and Mrs. Brown", "Mister and Missus Brown"),
        ("e.g. this", "for example this"),
        ("etc. and", "et cetera and"),
        ("No. I said", "No. I said"),
        ("Fig. 3", "Figure three"),
        ("vs. them", "versus them"),
        ("Acme Inc. said", "Acme Incorporated said"),
        ("J. R. Tolkien", "jay are Tolkien"),
        ("George W. Bush", "George double you Bush"),
        ("James V. Forrestal", "James vee Forrestal"),
        ("w/o", "without"),
    ],
)
def test_abbreviations_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
