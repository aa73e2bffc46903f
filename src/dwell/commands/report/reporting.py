"""A report: panels of one selection, of one publication, as a page or as one picture."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dwell.commands.report.captions import caption, title
from dwell.commands.report.page import page
from dwell.commands.report.pictures import chart_of, entitled, png, svg
from dwell.commands.report.shaping import SHAPES, drawn
from dwell.commands.sql.answers import check_destination
from dwell.errors import DwellError, WarehouseError
from dwell.settings import Settings
from dwell.site.dashboard.specifications import Theme
from dwell.warehouse.panels import Answer, Board, Selection, find, panels

WEEKS = 8
"""In which it is told who comes back, at least."""
MOST_TURNS = 20
"""Publications that may come while a report is asked for."""
OF_NOW = "live"
"""A panel of the last minutes: a report is read later."""


@dataclass(frozen=True)
class Look:
    """How it is drawn.

    Attributes:
        width: of a picture, in pixels.
        scale: pixels of a PNG for each of them.
        measure: what is shown over time.
    """

    theme: Theme
    width: int
    scale: float
    measure: str


def report(
    settings: Settings,
    names: Sequence[str],
    selected: Mapping[str, str | None],
    views: str,
    look: Look,
    form: str | None,
    output: Path | None,
) -> int:
    """Write it.

    Raises:
        QuestionInvalid: there is no such panel, or it cannot be asked like this.
        DwellError: it cannot be drawn or written like this.
    """
    form = form or (output.suffix.removeprefix(".").lower() if output else "") or "html"
    if form not in ("html", "svg", "png"):
        raise DwellError(
            f"--output is '{output}': expected a file that ends in .html, .svg or .png"
        )
    if output is not None:
        check_destination(output, settings)
    wanted = [find(name).name for name in names] or list(_usual(views))
    if "funnel" in wanted and not views:
        raise DwellError(
            "--views is missing: expected the steps of the funnel, as in --views 'PageA,PageB'"
        )
    if form != "html":
        _check_picture(form, wanted, output)
    given = {name: text for name, text in selected.items() if text}
    now = datetime.now(UTC)
    selection = Selection.of(given, timezone=settings.timezone, now=now)
    selections = {name: _of_panel(name, selection, now) for name in wanted}
    with closing(Board(settings.published)) as board:
        answers = _answers(board, selections, views)
    shown = selection if form == "html" else selections[wanted[0]]
    _write(_drawn(form, answers, shown, look), output)
    return 0


def _of_panel(name: str, selection: Selection, now: datetime) -> Selection:
    """Who comes back shows in weeks: of a shorter period, in so many up to its end."""
    if name != "retention" or selection.until - selection.since >= timedelta(weeks=WEEKS):
        return selection
    given = selection.query() | {"since": f"{WEEKS}w"}
    return Selection.of(given, timezone=selection.timezone, now=now)


def _answers(board: Board, selections: Mapping[str, Selection], views: str) -> Mapping[str, Answer]:
    """The answers of one publication: those that an older one gave are asked for again.

    Raises:
        WarehouseError: it is replaced faster than it can be asked.
    """
    answers: dict[str, Answer] = {}
    for _ in range(MOST_TURNS):
        newest = board.publication()
        older = [
            name
            for name in selections
            if name not in answers or answers[name].publication != newest
        ]
        if not older:
            return {name: answers[name] for name in selections}
        for name in older:
            extra = {"views": views} if name == "funnel" else {}
            answers[name] = board.answer(name, selections[name], extra)
    raise WarehouseError(
        f"{board.path} is published anew faster than it can be asked: expected fewer panels"
    )


def _usual(views: str) -> Iterator[str]:
    """All panels; a funnel only if its steps are named."""
    for panel in panels():
        if panel.name != OF_NOW and (views or panel.name != "funnel"):
            yield panel.name


def _check_picture(form: str, wanted: Sequence[str], output: Path | None) -> None:
    if len(wanted) != 1 or wanted[0] not in SHAPES:
        given = ", ".join(wanted) if len(wanted) < 4 else f"{len(wanted)} panels"
        raise DwellError(
            f"{form} is the picture of one panel, and this is {given}: expected one of {', '.join(SHAPES)}"
        )
    if form == "png" and output is None and sys.stdout.isatty():
        raise DwellError("png is not for a terminal: give --output FILE, or a pipe")


def _drawn(form: str, answers: Mapping[str, Answer], selection: Selection, look: Look) -> bytes:
    if form == "html":
        return page(answers, selection, look.theme, look.measure, look.width).encode()
    ((name, answer),) = answers.items()
    rows = drawn(name, answer, selection)
    if not rows or (name == "retention" and not any(row["weeks_later"] for row in rows)):
        raise DwellError(
            f"{name} has nothing to show in this period: expected a longer one, or fewer filters"
        )
    chart = entitled(
        chart_of(name, rows, look.measure, look.width),
        title(name, look.measure),
        caption(name, look.measure, answer, rows, selection),
        look.width,
    )
    return svg(chart, look.theme).encode() if form == "svg" else png(chart, look.theme, look.scale)


def _write(content: bytes, output: Path | None) -> None:
    """To standard output, or to a file that is there when it is whole."""
    if output is None:
        sys.stdout.buffer.write(content)
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(output)
    except OSError as error:
        raise DwellError(
            f"--output is '{output}', which cannot be written: {error.strerror}"
        ) from None
    finally:
        draft.unlink(missing_ok=True)
