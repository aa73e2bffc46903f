"""`dwell report`: panels as a page or as pictures, without a browser."""

import io
import json
import re
import struct
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from dwell.cli import run
from dwell.commands.report import words
from dwell.commands.report.shaping import SHAPES
from dwell.site.dashboard.specifications import palette
from dwell.warehouse.panels import Answer, Board, panels
from tests.support.facts import Projected
from tests.support.publishing import copy_of, publish
from tests.support.truth import PERIOD, A, B, told

TRUTH = [word for name, value in PERIOD.items() for word in (f"--{name}", value)]
FUNNEL = ["--views", f"{A},{B}"]
SVG = "{http://www.w3.org/2000/svg}"

Said = Callable[..., tuple[int, bytes, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    with Projected(folder / "live" / "warehouse.duckdb") as projected:
        projected.append(told()).project()
        copy_of(projected.warehouse, folder)
    return folder


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path) -> Said:
    """Runs `dwell report` on the truth: exit status, standard output, standard error."""

    def ask(*arguments: str) -> tuple[int, bytes, str]:
        out = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, "stdout", out)
        status = run(["report", *arguments, *TRUTH, "--data", str(data)])
        out.flush()
        return status, out.buffer.getvalue(), capsys.readouterr().err

    return ask


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.measures: dict[str, float] = {}
        self.outward: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "section":
            self.sections.append(str(given["id"]))
        if measure := given.get("data-measure"):
            self.measures[measure] = float(given["data-value"] or "nan")
        if tag in ("link", "script", "img", "iframe") or "src" in given:
            self.outward.append(tag)


def test_the_page_tells_of_every_panel_and_needs_nothing_else(said: Said) -> None:
    status, out, err = said(*FUNNEL)
    assert (status, err) == (0, "")
    page = Page(out.decode())
    assert set(page.sections) == {panel.name for panel in panels()} - {"totals", "live"}
    assert page.measures == {
        "visitors": 4,
        "sessions": 5,
        "pageviews": 14,
        "median": 7,
        "total": 176,
    }
    assert page.outward == []
    assert not re.search(rb"url\((?!#)|@import|https?://(?!www\.w3\.org/)", out)


def test_it_is_of_what_is_selected(said: Said) -> None:
    _, out, _ = said("totals", "views", "--device", "phone")
    page = Page(out.decode())
    assert page.measures["pageviews"] == 3
    assert page.sections == ["views"]
    assert "device phone" in out.decode()


def reported(data: Path, output: Path, *arguments: str) -> str:
    """A page of the truth, of another period than the truth's own."""
    assert run(["report", *arguments, "--output", str(output), "--data", str(data)]) == 0
    return output.read_text()


def test_a_period_before_that_was_measured_is_compared_with(data: Path, tmp_path: Path) -> None:
    period = ("--since", "2025-12-02", "--until", "2025-12-09")
    text = reported(data, tmp_path / "r.html", "totals", *period)
    assert "<dd><p>0 before</p></dd>" in text
    assert "Measured since" not in text


def test_one_in_which_measuring_began_is_not(said: Said) -> None:
    _, out, _ = said("totals", "series")
    assert b"Measured since 24 Nov 2025, 10:00, so not compared with the period before." in out
    assert b"before</p></dd>" not in out
    _, alone, _ = said("views")
    assert b"Measured since" not in alone


def strokes(picture: str) -> list[str]:
    """How the lines of a picture are dashed."""
    lines = re.findall(r'<path [^>]*d="M[^"]*L[^"]*"[^>]*stroke-dasharray="([^"]+)"', picture)
    return sorted(lines)


def test_what_is_not_whole_is_dotted_and_the_period_before_is_dashed(
    data: Path, tmp_path: Path
) -> None:
    def lines(since: str, until: str) -> list[str]:
        period = ("--since", since, "--until", until)
        return strokes(reported(data, tmp_path / "r.svg", "series", *period))

    assert lines("2025-11-24", "2025-12-08") == []
    assert lines("2025-12-03", "2025-12-10") == ["3,4"]
    assert lines("2025-12-03", "2025-12-10T12:00") == ["2,3", "3,4"]
    assert lines("2025-12-03", "2025-12-10T23:30") == ["2,3", "3,4"]
    assert lines("2025-12-03T12:00", "2025-12-10T12:00") == ["2,3", "2,3", "3,4"]
    assert lines("2025-12-03T11:30", "2025-12-03T12:40") == ["2,3", "2,3", "3,4"]


def test_a_median_of_nothing_is_a_gap(said: Said) -> None:
    _, out, _ = said("series", "--format", "svg", "--measure", "median")
    [line] = re.findall(r'd="([^"]*)"[^>]*stroke-width="2.25"', out.decode())
    assert line.count("M") == 2  # on the first day, and on three that follow one another


def test_the_week_that_is_not_over_is_dotted_where_they_come_back(
    data: Path, tmp_path: Path
) -> None:
    def has_dotted(until: str) -> bool:
        period = ("--since", "2025-11-24", "--until", until)
        return "2,3" in reported(data, tmp_path / "r.svg", "retention", *period)

    assert not has_dotted("2025-12-08")
    assert has_dotted("2025-12-07")


def test_who_comes_back_is_told_in_weeks_however_short_the_period_is(
    data: Path, tmp_path: Path
) -> None:
    period = ("--since", "2025-12-07", "--until", "2025-12-08")
    text = reported(data, tmp_path / "r.html", "retention", *period)
    assert 'data-value="2025-11-24"' in text


def test_all_of_it_is_of_one_publication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, [1.0])
    answer = Board.answer

    def answer_before_the_next(board: Board, panel: str, *given: Any) -> Answer:
        found = answer(board, panel, *given)
        if panel == "totals" and found.rows()[0]["pageviews"] == 1:
            publish(tmp_path, [2.0])
        return found

    monkeypatch.setattr(Board, "answer", answer_before_the_next)
    period = ("--since", "2026-03-01", "--until", "2026-03-02")
    text = reported(tmp_path, tmp_path / "r.html", "totals", "views", *period)
    assert Page(text).measures["pageviews"] == 2


def test_a_picture_says_what_it_is_of(said: Said) -> None:
    def words_of(*arguments: str) -> str:
        _, out, _ = said(*arguments, "--format", "svg", "--device", "phone")
        return "\n".join(ElementTree.fromstring(out).itertext())

    told = words_of("sessions_by_hour")
    assert "When they come" in told
    assert "Sessions begun in each hour of the week: the darkest is 1" in told
    assert "24 Nov 2025, 00:00 until 8 Dec 2025, 00:00, UTC" in told
    assert "device phone" in told
    told = words_of("series", "--measure", "median")
    assert "Median engaged over time" in told
    assert "Engaged time by day; what is not whole is dotted" in told
    assert "Measured since 24 Nov 2025, 10:00, so not compared" in told


def test_tables_of_a_page_have_headings_for_people_and_exact_values(said: Said) -> None:
    _, out, _ = said("views", "series")
    page = out.decode()
    assert '<th scope="col" title="Dotted name of the view.">View</th>' in page
    assert "Median engaged (s)</th>" in page
    assert re.search(r'<td data-value="17.5" class="number">17.50?0?</td>', page)
    assert "the one before" not in page  # it is not compared
    assert "Bucket" not in page


@pytest.mark.parametrize("panel", SHAPES)
def test_every_picture_is_drawn(said: Said, panel: str) -> None:
    views = FUNNEL if panel == "funnel" else []
    status, out, err = said(panel, "--format", "svg", "--theme", "dark", *views)
    assert (status, err) == (0, "")
    picture = ElementTree.fromstring(out)
    drawn = [each for each in picture.iter(f"{SVG}path") if each.get("d")]
    assert len(drawn) > 1
    assert b"var(" not in out
    assert palette("dark")["--accent"].encode() in out


def test_a_funnel_without_steps_is_told_what_is_missing(said: Said) -> None:
    status, out, err = said("funnel", "--format", "svg")
    assert (status, out) == (2, b"")
    assert (
        err
        == "dwell: --views is missing: expected the steps of the funnel, as in --views 'PageA,PageB'\n"
    )


def test_numbers_stand_in_the_picture(said: Said) -> None:
    _, out, _ = said("views", "--format", "svg")
    texts = ["".join(each.itertext()) for each in ElementTree.fromstring(out).iter(f"{SVG}text")]
    assert "PageB" in texts
    assert "4, median 17.5 s" in " ".join(texts).replace("18 s", "17.5 s")


def test_a_picture_names_those_filters_alone_that_it_heeds(said: Said) -> None:
    heard = {}
    for panel in ("retention", "devices"):
        _, out, _ = said(panel, "--view", "PageA", "--bots", "include", "--format", "svg")
        heard[panel] = "bots include" in out.decode(), "view PageA" in out.decode()
    assert heard == {"retention": (True, False), "devices": (True, True)}


def test_the_distribution_is_of_the_views_that_are_looked_at_most() -> None:
    _, shape = SHAPES["view_distribution"]
    views = {f"shop.View{each:02}": each for each in range(1, 15)}
    rows = [{"view_name": name, "pageviews": count, "at_least": 0} for name, count in views.items()]
    shown = [row["view_name"] for row in sorted(shape(rows, "")[0], key=lambda row: row["rank"])]
    assert shown == list(reversed(views))[:12]


def test_a_png_is_as_wide_as_asked(said: Said, tmp_path: Path) -> None:
    output = tmp_path / "hours.png"
    status, out, err = said("sessions_by_hour", "--output", str(output), "--width", "400")
    assert (status, out, err) == (0, b"", "")
    content = output.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", content[16:20]) == (800,)
    assert list(tmp_path.iterdir()) == [output]


def test_what_stands_above_a_picture_is_as_wide_as_the_picture(said: Said) -> None:
    zone = ("--timezone", "America/Argentina/Buenos_Aires")
    _, out, _ = said("view_distribution", "--width", "240", *zone, "--format", "svg")
    lines = [each.text or "" for each in ElementTree.fromstring(out).iter(f"{SVG}tspan")]
    assert " ".join(lines) == (
        "How long each view is looked at "
        "Pageviews by how long they were looked at: the areas of the bars say how many "
        "24 Nov 2025, 00:00 until 8 Dec 2025, 00:00, America/Argentina/Buenos_Aires"
    )
    assert max(map(len, lines)) <= 34


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--format", "svg"], "svg is the picture of one panel, and this is 15 panels: expected"),
        (["totals", "--format", "png"], "png is the picture of one panel, and this is totals"),
        (["series", "--output", "x.pdf"], "expected a file that ends in .html, .svg or .png"),
        (["vews"], "there is no panel 'vews': expected views"),
        (["views", "--browser", "Googlebot", "--format", "svg"], "views has nothing to show"),
        (["retention", "--browser", "googlebot", "--format", "svg"], "retention has nothing"),
        (["series", "--bots=only", "--path=/tab2", "--format=svg"], "series has nothing to show"),
        (
            ["sessions_by_hour", "--bots=only", "--path=/tab2", "--format=png"],
            "sessions_by_hour has nothing",
        ),
        (["views", "--path", "/no"], "path is '/no', and nobody looked at it: expected /pagea or"),
        (["views", "--browser", "Lynx"], "browser is 'Lynx', and nobody came with it: expected "),
        (
            ["views", "--system", "Lynux"],
            "system is 'Lynux', and nobody came with it: expected Linux",
        ),
        (["views", "--device", "toaster"], "device is 'toaster': expected desktop, phone, tablet"),
        (["views", "--bots", "some"], "bots is 'some': expected exclude, include or only"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(
    said: Said, arguments: list[str], complaint: str
) -> None:
    status, out, err = said(*arguments)
    assert (status, out) == (2, b"")
    assert complaint in err
    assert err.count("\n") == 1


def test_without_a_warehouse_there_is_no_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["report", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_two_pictures_of_a_page_share_an_id(said: Said) -> None:
    _, out, _ = said(*FUNNEL)
    ids = re.findall(rb'\bid="([^"]+)"', out)
    assert len(ids) == len(set(ids))


def test_a_name_from_a_visitor_stays_text(tmp_path: Path, said: Said) -> None:
    (tmp_path / "live").mkdir()
    name = "<script>alert(1)</script>"
    publish(tmp_path, [1.0], view=name, identity=json.dumps({"path": f"/{name}"}))
    output = tmp_path / "report.html"
    period = ["--since", "2026-02-20", "--until", "2026-03-05"]
    assert run(["report", "--output", str(output), "--data", str(tmp_path), *period]) == 0
    text = output.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (4.21, "4.2 s"),
        (59.4, "59 s"),
        (59.6, "1 m 00 s"),
        (134, "2 m 14 s"),
        (3599.7, "1 h 00 m"),
        (11_220, "3 h 07 m"),
        (4_334_400, "1,204 h"),
    ],
)
def test_seconds_as_people_read_them(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text
