"""The charts: specifications in Vega-Lite, from the folder `charts`, with the look they share.

Colours in them are the variables of the style sheet, as `var(--accent)`: in the browser the page says
what they are, light or dark, and elsewhere `painted` does.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

Theme = Literal["light", "dark"]
Specification = dict[str, Any]

LITE = "6.4"
"""The line of Vega-Lite that they are written in."""

FOLDER = Path(__file__).parent / "charts"
NAMES = ("series", "transitions", "sessions_by_hour", "retention", "funnel")
"""Those of the page, by the panels they draw."""

_VARIABLE = re.compile(r"var\((--[a-z-]+)\)")


def specification(name: str) -> Specification:
    """The chart of that name, with the shared look as its `config`."""
    return {**_read(f"{name}.vl.json"), "config": _read("look.json")}


def painted(given: Specification, theme: Theme) -> Specification:
    """The same with colours in place of variables."""
    colours = palette(theme)
    text = _VARIABLE.sub(lambda found: colours[found[1]], json.dumps(given))
    whole: Specification = json.loads(text)
    return whole


def palette(theme: Theme) -> dict[str, str]:
    """The colours of the style sheet by their variables, as `--accent`."""
    colours: dict[str, str] = _read("palette.json")[theme]
    return colours


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def _read(name: str) -> Any:
    return json.loads(_text(name))
