"""Pictures of panels: the dashboard's own charts, drawn by vl-convert."""

from collections.abc import Mapping
from typing import Any

from dwell.commands.report.shaping import SHAPES, Rows
from dwell.site.dashboard.specifications import LITE, Theme, painted, specification

NAMES_WIDTH = 120
"""Pixels for the names beside rows."""

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
    shown, signals = shape(rows, measure)
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


def entitled(chart: Mapping[str, Any], title: str, caption: list[str]) -> dict[str, Any]:
    """The same with words above it, so that it can stand alone."""
    return dict(chart) | {"title": TITLE | {"text": title, "subtitle": caption}}


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

    sheet = dict(chart) | {"background": "var(--sheet)", "padding": 16}
    return vl_convert.vegalite_to_png(painted(sheet, theme), vl_version=LITE, scale=scale)
