# ruff: noqa: RUF001 (signs and letters that look like others)
import pytest

from wavcube.generation.tts.text.normalization.english import normalise_english

pytest.importorskip("num2words")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("5 km", "five kilometers"),
        ("5km", "five kilometers"),
        ("70 kg", "seventy kilograms"),
        ("2.4 GHz", "two point four gigahertz"),
        ("98.6 °F", "ninety eight point six degrees Fahrenheit"),
        ("25°C", "twenty five degrees Celsius"),
        ("-5°C", "minus five degrees Celsius"),
        ("100 MHz", "one hundred megahertz"),
        ("1 kg", "one kilogram"),
        ("km kg MHz °C", "kilometers kilograms megahertz degrees Celsius"),
        ("60 mph", "sixty miles per hour"),
        ("100 km/h", "one hundred kilometers per hour"),
        ("9.8 m/s²", "nine point eight meters per second squared"),
        ("10-20 km", "ten to twenty kilometers"),
        ("500 mg", "five hundred milligrams"),
        ("16GB", "sixteen gigabytes"),
        ("5 GB/s", "five gigabytes per second"),
        ("20 m²", "twenty square meters"),
        ("1/2 mile", "one half mile"),
        ("6'2\"", "six foot two"),
        ("5 min", "five minutes"),
        ("30 s", "thirty seconds"),
        ("5ft", "five feet"),
        ("10 x 20 cm", "ten by twenty centimeters"),
        ("128 kbps", "one hundred and twenty eight kilobits per second"),
        ("-5 to 10 °C", "minus five to ten degrees Celsius"),
        ("100%", "one hundred percent"),
        ("50 %", "fifty percent"),
        ("10–20%", "ten to twenty percent"),
        ("3.5x", "three point five times"),
        ("10x", "ten times"),
        ("2 m tall", "two meters tall"),
        ("4K", "four kay"),
        ("7B", "seven billion"),
        ("3 in the", "three in the"),
    ],
)
def test_quantities_are_said(written: str, said: str) -> None:
    assert normalise_english(written) == said
    assert normalise_english(said) == said
