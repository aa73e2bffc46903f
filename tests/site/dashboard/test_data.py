"""Panels over HTTP: in every form, kept while nothing is new, and refused where they cannot be asked."""

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dwell.settings import Settings
from dwell.site.dashboard import app, data
from dwell.warehouse.panels import SELECTING, Board, panels
from tests.support.dashboards import PAGE, dashboard
from tests.support.publishing import PAGE_A, PAGE_B, publish
from tests.support.running import wait_until
from tests.support.serving import Client

MARCH = "since=2026-03-01&until=2026-03-02"


@pytest.fixture(scope="module")
def march(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The dashboard of a session with three pageviews of page A and one with one of page B, both in
    March. It is shared: publish nothing."""
    data = tmp_path_factory.mktemp("data")
    publish(data, [1, 2, 6], identity='{"path": "/a"}')
    publish(data, [3], view=PAGE_B, identity='{"path": "/b"}')
    with dashboard(Settings(data=data)) as client:
        yield client


def rows(client: Client, name: str, query: str = MARCH) -> list[dict[str, Any]]:
    """The rows of a panel, from its JSON."""
    reply = client.get(f"/panels/{name}.json?{query}")
    assert reply.status == 200, reply.text
    found: list[dict[str, Any]] = json.loads(reply.text)["rows"]
    return found


def test_a_panel_is_what_the_warehouse_says(march: Client) -> None:
    by_view = {each["view_name"]: each for each in rows(march, "views")}
    assert by_view[PAGE_A]["pageviews"] == 3
    assert by_view[PAGE_B]["pageviews"] == 1
    [alone] = rows(march, "views", f"{MARCH}&view=PageB")
    assert alone["view_name"] == PAGE_B
    assert rows(march, "views", "since=2026-02-01&until=2026-03-01") == []


def test_json_says_what_its_columns_mean_and_of_which_publication_it_is(march: Client) -> None:
    reply = march.get(f"/panels/totals.json?{MARCH}")
    assert reply.headers["Content-Type"] == "application/json"
    told = json.loads(reply.text)
    assert list(told) == [
        *(
            "panel",
            "question",
            "publication",
            "published_at",
            "since",
            "until",
            "before",
            "before_until",
        ),
        *("ends_now", "by", "filters", "measured_since", "compared", "columns", "rows"),
    ]
    assert told["panel"] == "totals"
    assert (told["since"], told["until"]) == (
        "2026-03-01T00:00:00.000Z",
        "2026-03-02T00:00:00.000Z",
    )
    assert (told["before"], told["before_until"]) == (
        "2026-02-28T00:00:00.000Z",
        "2026-03-01T00:00:00.000Z",
    )
    assert told["by"] == "hour"
    assert (told["measured_since"], told["compared"]) == ("2026-03-01T12:00:00.000Z", False)
    assert {each["name"] for each in told["columns"]} == set(told["rows"][0])
    assert all(each["meaning"] for each in told["columns"])
    assert told["published_at"].endswith("Z")


@pytest.mark.parametrize("name", [panel.name for panel in panels()])
def test_every_panel_comes_in_every_form_with_the_same_rows(name: str, march: Client) -> None:
    as_json = rows(march, name)
    arrow = march.get(f"/panels/{name}.arrow?{MARCH}")
    as_csv = march.get(f"/panels/{name}.csv?{MARCH}")
    assert arrow.headers["Content-Type"] == "application/vnd.apache.arrow.stream"
    assert arrow.headers["Content-Disposition"] == f'attachment; filename="{name}.arrow"'
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert table.num_rows == len(as_json)
    assert as_csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert as_csv.headers["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    head, *lines = csv.reader(io.StringIO(as_csv.text))
    assert head == table.column_names
    assert len(lines) == len(as_json)


def test_the_list_of_panels_says_what_each_can_be_told(unlocked: Client) -> None:
    listed = json.loads(unlocked.get("/panels").text)
    assert [each["name"] for each in listed] == [panel.name for panel in panels()]
    for each in listed:
        assert each["question"]
        assert set(each["parameters"]) >= set(SELECTING)


def test_who_has_an_answer_gets_304_until_something_is_published(tmp_path: Path) -> None:
    publish(tmp_path, [1])
    path = f"/panels/totals.json?{MARCH}"
    with dashboard(Settings(data=tmp_path)) as client:
        first = client.get(path)
        assert first.headers["Cache-Control"] == "private, no-cache"
        known = {"If-None-Match": first.headers["ETag"]}
        again = client.get(path, known)
        assert (again.status, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert client.get(f"{path}&bots=include", known).status == 200
        assert client.get(path.replace(".json", ".csv"), known).status == 200
        publish(tmp_path, [2])
        wait_until(lambda: client.get(path, known).status == 200)
        newer = client.get(path, known)
        assert newer.headers["ETag"] != first.headers["ETag"]
        assert json.loads(newer.text)["publication"] != json.loads(first.text)["publication"]
        assert client.get(path, {"If-None-Match": newer.headers["ETag"]}).status == 304


def lines(client: Client, query: str) -> dict[str, dict[str, Any]]:
    """The answers to several panels, by their names."""
    reply = client.get(f"/panels.ndjson?{query}")
    assert reply.status == 200, reply.text
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    told = [json.loads(line) for line in reply.text.splitlines()]
    return {each["panel"]: each for each in told}


def test_several_panels_come_as_lines_each_as_it_comes_alone(march: Client) -> None:
    named = "panels=totals,views,retention,funnel"
    own = f"retention.since=2026-02-01&funnel.views={PAGE_A}"
    for _ in range(2):  # as they are answered, and as they are kept
        told = lines(march, f"{named}&{MARCH}&{own}")
        assert sorted(told) == ["funnel", "retention", "totals", "views"]
        assert told["totals"] == json.loads(march.get(f"/panels/totals.json?{MARCH}").text)
        assert told["retention"]["since"] == "2026-02-01T00:00:00.000Z"
        assert [each["view_name"] for each in told["funnel"]["rows"]] == [PAGE_A]


def test_of_several_panels_one_that_cannot_be_answered_leaves_the_others(march: Client) -> None:
    told = lines(march, f"panels=totals,funnel&{MARCH}&funnel.views=PageX")
    assert told["totals"]["rows"]
    problem = told["funnel"]["problem"]
    assert (problem["type"], problem["status"]) == ("urn:dwell:problem:question", 400)
    assert "view is 'PageX'" in problem["detail"]


def test_who_has_the_answers_of_several_panels_gets_304_until_something_is_published(
    tmp_path: Path,
) -> None:
    publish(tmp_path, [1])
    path = f"/panels.ndjson?panels=totals,series&{MARCH}"
    with dashboard(Settings(data=tmp_path)) as client:
        assert "ETag" not in client.get(path).headers  # a line might have been a problem
        known = {"If-None-Match": client.get(path).headers["ETag"]}
        assert client.get(path, known).status == 304
        assert client.get(f"{path}&bots=include", known).status == 200
        publish(tmp_path, [2])
        wait_until(lambda: client.get(path, known).status == 200)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("panels=totals,none", 404, "there is no panel 'none'"),
        ("since=7d", 404, "there is no panel ''"),
        ("panels=totals&since=yesterday", 400, "since is 'yesterday': expected"),
        ("panels=totals&views.since=7d", 400, "'views' is none of the panels asked for"),
    ],
)
def test_several_panels_that_cannot_be_asked_are_refused_together(
    query: str, status: int, said: str, march: Client
) -> None:
    reply = march.get(f"/panels.ndjson?{query}")
    assert reply.status == status
    assert said in reply.text


def test_large_answers_are_compressed_where_the_client_takes_it(unlocked: Client) -> None:
    plain = unlocked.get("/panels")
    coded = unlocked.get("/panels", {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert coded.headers["Content-Encoding"] == "gzip"
    assert len(coded.content) < len(plain.content) / 2


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=yesterday", "since is 'yesterday': expected"),
        ("since=2026-03-02&until=2026-03-01", "expected an end after the beginning"),
        ("bots=maybe", "bots is 'maybe': expected exclude, include or only"),
        ("view=PageX", "view is 'PageX'"),
        ("colour=red", "totals takes no colour"),
        ("since=1d&view=%27%3B+drop+table+pageview", 'view is \\"\'; drop table pageview\\"'),
    ],
)
def test_a_question_that_cannot_be_asked_is_400_and_says_what_would_be_right(
    query: str, said: str, march: Client
) -> None:
    reply = march.get(f"/panels/totals.json?{query}")
    assert reply.status == 400
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert json.loads(reply.text)["type"] == "urn:dwell:problem:question"
    assert said in reply.text


def test_the_board_tells_of_a_question_that_cannot_be_asked_and_leaves_additions_alone(
    unlocked: Client,
) -> None:
    assert unlocked.get("/?since=yesterday", PAGE).status == 400
    assert unlocked.get("/?since=7d&utm_source=mail", PAGE).status == 200


def test_before_anything_is_published_the_page_is_there_and_the_data_are_503(
    tmp_path: Path,
) -> None:
    with dashboard(Settings(data=tmp_path)) as client:
        assert client.get("/", PAGE).status == 200
        assert client.get("/panels").status == 200
        reply = client.get("/panels/totals.json")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert json.loads(reply.text)["title"] == "There is no data yet"
        publish(tmp_path, [1])
        assert client.get("/panels/totals.json").status == 200


def test_a_file_that_is_no_warehouse_is_503_and_gets_better_by_itself(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_text("not a database")
    with dashboard(Settings(data=tmp_path)) as client:
        reply = client.get("/panels/totals.json")
        assert reply.status == 503
        assert json.loads(reply.text)["title"] == "The warehouse cannot be read"
        publish(tmp_path, [1])
        assert client.get("/panels/totals.json").status == 200


def test_a_folder_that_is_none_is_503_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with dashboard(Settings(data=tmp_path / "data")) as client:
        told = json.loads(client.get("/panels/totals.json").text)
        assert told["title"] == "The warehouse cannot be read"
        assert "Not a directory" in told["detail"]


def test_what_duckdb_has_no_room_for_is_503_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, [1.0] * 3000)
    monkeypatch.setattr(app, "Board", partial(Board, memory=1))
    with dashboard(Settings(data=tmp_path)) as client:
        reply = client.get(f"/panels/totals.json?{MARCH}")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert json.loads(reply.text)["title"] == "The warehouse could not answer"
        assert "Out of Memory" in reply.text
        assert client.get("/", PAGE).status == 200


def test_a_page_is_told_whether_there_is_anything_to_be_asked_for(tmp_path: Path) -> None:
    with dashboard(Settings(data=tmp_path)) as client:
        empty = client.get("/", PAGE).text
        publish(tmp_path, [1])
        filled = client.get("/", PAGE).text
    assert ("data-empty" in empty, 'rel="preload"' in empty) == (True, False)
    assert ("data-empty" in filled, 'rel="preload"' in filled) == (False, True)


def test_without_scripts_a_page_says_what_to_do_and_leads_to_the_selected_data(
    march: Client,
) -> None:
    page = march.get(f"/?{MARCH}&view=PageB&utm_source=mail", PAGE).text
    told = page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert "dwell report --output report.html" in told
    assert "dwell query" in told
    links = re.findall(r'href="\.(/panels/views\.csv[^"]*)"', page)
    assert [html.unescape(link) for link in links] == [f"/panels/views.csv?{MARCH}&view=PageB"]
    assert march.get(html.unescape(links[0])).text.count("\n") == 2


def test_what_there_is_to_be_selected(march: Client) -> None:
    assert json.loads(march.get(f"/choices.json?{MARCH}").text) == {
        "view": [PAGE_A, PAGE_B],
        "path": ["/a", "/b"],
        "browser": ["Firefox"],
        "system": ["Linux"],
        "device": ["desktop"],
    }
    assert march.get("/choices.json?colour=red").status == 400


def test_sessions_come_in_portions_and_each_as_a_timeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "SESSIONS", 2)
    for _ in range(3):
        publish(tmp_path, [1, 2])
    with dashboard(Settings(data=tmp_path)) as client:
        first = json.loads(client.get(f"/sessions.json?{MARCH}").text)
        assert len(first["rows"]) == 2
        assert first["columns"][0]["name"] == "session_id"
        rest = json.loads(client.get(f"/sessions.json?{MARCH}&before={first['next']}").text)
        assert (len(rest["rows"]), rest["next"]) == (1, None)
        seen = {each["session_id"] for each in first["rows"] + rest["rows"]}
        assert len(seen) == 3
        for session_id in seen:
            reply = client.get(f"/sessions/{session_id}.json")
            session = json.loads(reply.text)
            assert session["session"]["session_id"] == session_id
            assert len(session["pageviews"]) == 2
            known = {"If-None-Match": reply.headers["ETag"]}
            assert client.get(f"/sessions/{session_id}.json", known).status == 304
            assert client.get(f"/sessions/{session_id}", PAGE).status == 200
        assert client.get("/sessions.json?before=yesterday").status == 400


@pytest.mark.parametrize("session_id", ["0193a5c2-7b6a-7d20-9a41-5b8a3e6d7f02", "none"])
def test_a_session_that_is_not_there_is_404(session_id: str, march: Client) -> None:
    assert march.get(f"/sessions/{session_id}.json").status == 404


def test_a_panel_about_now_is_asked_again_after_some_seconds(
    march: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {name: f"/panels/{name}.json?{MARCH}" for name in ("live", "totals")}
    known = {
        name: {"If-None-Match": march.get(path).headers["ETag"]} for name, path in paths.items()
    }
    monkeypatch.setattr(data, "LIVE_SECONDS", 1e-6)
    assert march.get(paths["live"], known["live"]).status == 200
    assert march.get(paths["totals"], known["totals"]).status == 304
