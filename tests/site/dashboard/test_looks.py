"""The colours of the dashboard: one palette, and words that can be read on it."""

import re

import pytest

from dwell.site.dashboard.assets import HOME
from dwell.site.dashboard.specifications import NAMES, Theme, painted, palette, specification

THEMES: tuple[Theme, ...] = ("light", "dark")
READABLE = 4.5
"""The contrast that WCAG asks for at level AA."""
DENSEST = 0.42
"""Of the accent in a cell of a matrix, on which a number stands."""

WORDS = [
    *(
        (word, ground)
        for word in ("--ink", "--faint", "--accent")
        for ground in ("--paper", "--sheet", "--wash")
    ),
    ("--fall", "--sheet"),
    ("--fall", "--wash"),
    ("--accent-ink", "--accent"),
    ("--paper", "--ink"),
]


def channels(colour: str) -> list[float]:
    """Red, green and blue, from 0 to 1."""
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    return [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]


def luminance(colour: list[float]) -> float:
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour
    ]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: list[float], other: list[float]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_words_can_be_read_on_every_ground(theme: Theme) -> None:
    colours = {name: channels(colour) for name, colour in palette(theme).items()}
    for word, ground in WORDS:
        assert contrast(colours[word], colours[ground]) >= READABLE, (word, ground)
    cell = [
        DENSEST * accent + (1 - DENSEST) * sheet
        for accent, sheet in zip(colours["--accent"], colours["--sheet"], strict=True)
    ]
    assert contrast(colours["--ink"], cell) >= READABLE


def test_the_style_sheet_and_the_pictures_have_one_palette() -> None:
    sheet = (HOME / "static/dashboard.css").read_text()
    light, chosen, preferred = re.findall(r"color-scheme: \w+;\n((?:\s+--[a-z-]+: .+;\n)+)", sheet)
    for block, theme in ((light, "light"), (chosen, "dark"), (preferred, "dark")):
        told = dict(re.findall(r"(--[a-z-]+): (#\w+);", block))
        assert told == palette(theme)  # type: ignore[arg-type]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", NAMES)
def test_no_variable_is_left_in_what_is_painted(name: str, theme: Theme) -> None:
    assert "var(" not in str(painted(specification(name), theme))
