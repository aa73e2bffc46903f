"""Pictures of panels: the dashboard's own charts, drawn by vl-convert."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from dwell.commands.report.shaping import SHAPES, Rows
from dwell.site.dashboard.specifications import LITE, Theme, painted, specification

NAMES_WIDTH = 120
"""Pixels for the names beside rows."""

PADDING = 16
"""Pixels around a picture on its sheet."""

LETTER, TITLE_LETTER = 6, 9
"""Pixels of a letter above a picture, and of one of its title: a little more than most take."""

TITLE = {
    "anchor": "start",
    "frame": "bounds",
    "offset": 16,
    "font": "Liberation Serif, Georgia, Times New Roman, serif",
    "fontSize": 18,
    "color": "var(--ink)",
    "subtitleFontSize": 12,
    "subtitlePadding": 6,
    "subtitleLineHeight": 16,
    "subtitleColor": "var(--faint)",
}
"""The look of what is said above a picture."""

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""What vl-convert measures text with; it knows nothing of a browser's `system-ui`."""


def chart_of(panel: str, rows: Rows, measure: str, width: int) -> dict[str, Any]:
    """The specification in Vega-Lite that shows these rows of the panel.

    Args:
        width: pixels.
    """
    name, shape = SHAPES[panel]
    shown, shaped = shape(rows, measure)
    signals = {"wide": width, **shaped}
    chart = specification(name)
    params = [
        each | {"value": signals.get(each["name"], each["value"])}
        for each in chart.get("params", ())
    ]
    # Vega-Lite fits the whole picture into a width, but for one of several rows.
    fit: dict[str, Any] = {"width": width, "autosize": {"type": "fit-x", "contains": "padding"}}
    if "row" in chart.get("encoding", {}):
        fit = {"width": width - NAMES_WIDTH}
    return chart | {
        "config": chart["config"] | {"font": FONT},
        **fit,
        "params": params,
        "datasets": {"rows": shown},
    }


def entitled(
    chart: Mapping[str, Any], title: str, caption: list[str], width: int
) -> dict[str, Any]:
    """The same with words above it, so that it can stand alone: as many lines as they need in the
    width of the picture."""
    room = width - 2 * PADDING
    heading = wrap(title, room // TITLE_LETTER)
    lines = [line for each in caption for line in wrap(each, room // LETTER)]
    return dict(chart) | {"title": TITLE | {"text": heading, "subtitle": lines}}


def svg(chart: Mapping[str, Any], theme: Theme) -> str:
    """The picture, without a background: it takes that of the page it is put on."""
    import vl_convert

    return vl_convert.vegalite_to_svg(painted(dict(chart), theme), vl_version=LITE)


def png(chart: Mapping[str, Any], theme: Theme, scale: float) -> bytes:
    """The picture on the sheet of its theme.

    Args:
        scale: its pixels for each pixel of the chart.
    """
    import vl_convert

    sheet = dict(chart) | {"background": "var(--sheet)", "padding": PADDING}
    return vl_convert.vegalite_to_png(painted(sheet, theme), vl_version=LITE, scale=scale)
