"""Figures, health and messages of everything together, while personal data flow through it."""

import asyncio
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dwell.commands.doctor.examining import examine
from dwell.commands.doctor.finding import Finding
from dwell.events.log import NewRecord
from dwell.events.opening import open_writer
from dwell.schemas.facts import VisitorForgotten
from dwell.schemas.records import record_of_forgotten
from dwell.settings import Settings
from tests.support.collecting import VISITOR, distinct, fact
from tests.support.figures import Samples, scraped, value
from tests.support.house import ROOT
from tests.support.running import environment, free_port, running, wait_until

GRAFANA = ROOT / "docs/examples/grafana"
PERSON = {
    "visitor": VISITOR,
    "other visitor": "0193a5c2-0000-7d20-9a41-5b8a3e6d7f77",
    "address": "203.0.113.77",
    "agent": "Personal-Agent/77.1",
    "query": "secret-of-the-query",
    "title": "secret-of-the-title",
    "cookie": "secret-of-the-cookie",
}
"""What nobody may find in a message."""


@dataclass
class Run:
    """What everything together has exposed, answered and printed.

    Attributes:
        scraped: text and samples, by part.
        health: status and body, by part and question.
        said: all that was printed.
        findings: of `dwell doctor` meanwhile.
    """

    scraped: dict[str, tuple[str, Samples]]
    health: dict[tuple[str, str], tuple[int, dict[str, object]]]
    said: str
    findings: list[Finding]

    def samples(self, part: str) -> Samples:
        return self.scraped[part][1]

    def names(self) -> set[str]:
        """Of all samples that any part exposes."""
        return {name for _, samples in self.scraped.values() for name in samples}


def ask(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
    """Status and body of one request, whatever it is."""
    request = urllib.request.Request(url, body, dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def visit(site: str) -> None:
    """Good facts and bad ones of a person whom the messages must not know."""
    headers = {
        "content-type": "text/plain",
        "cookie": f"dwell_visitor={VISITOR}; other={PERSON['cookie']}",
        "user-agent": PERSON["agent"],
        "x-forwarded-for": PERSON["address"],
    }
    personal: dict[str, Any] = {
        "identity": {"path": f"/{PERSON['query']}", "title": PERSON["title"]},
        "referrer": f"https://elsewhere.example/?q={PERSON['query']}",
    }

    def post(*facts: Any, body: bytes | None = None, **more: str) -> int:
        given = {name.replace("_", "-"): each for name, each in more.items()}
        sent = json.dumps({"facts": facts}).encode() if body is None else body
        status: int = ask(f"{site}/dwell/facts?q={PERSON['query']}", sent, headers | given)[0]
        return status

    assert post(fact(**personal), fact(1, **personal)) == 204
    assert post(distinct(2) | personal) == 204
    assert post(fact(2, visibility=PERSON["title"]), fact(3)) == 400
    assert post(fact(4, type=PERSON["title"])) == 400
    assert post(body=PERSON["title"].encode()) == 400
    assert post(fact(5), origin=f"https://{PERSON['title']}.example") == 403
    assert post(fact(6), content_type=PERSON["title"]) == 415
    assert post(fact(7), sec_gpc="1") == 204
    assert ask(f"{site}/{PERSON['query']}?q={PERSON['query']}", headers=headers)[0] == 404


def look(dashboard: str, session: str) -> None:
    """Good questions and bad ones to the dashboard."""
    secret = PERSON["query"]
    for path, status in {
        f"/panels/totals.json?path={secret}": 400,
        f"/panels/totals.json?since={secret}": 400,
        f"/panels/{secret}.json": 404,
        f"/sessions/{session}.json": 200,
        f"/{secret}?q={secret}": 404,
    }.items():
        assert ask(dashboard + path, headers={"user-agent": PERSON["agent"]})[0] == status


async def append_what_only_an_operator_may(environ: Mapping[str, str]) -> None:
    """A record that cannot be read, and an erasure."""
    writer = open_writer(Settings.read(environ=environ))
    now = int(time.time() * 1_000)
    other = PERSON["other visitor"]
    data = {name: each for name, each in PERSON.items() if each != other}
    junk = json.dumps({"type": "dwell.page.viewed.v1", "data": data}).encode()
    erasure = record_of_forgotten(
        VisitorForgotten(visitor_id=other, received_at=now),
        id_="0193a5c2-0000-7d20-9a41-5b8a3e6d7f99",
    )
    await writer.append([NewRecord(VISITOR.encode(), junk, now)])
    await writer.append([NewRecord(other.encode(), erasure, now)])
    await writer.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Everything together for a moment, with figures on and messages as objects."""
    folder = tmp_path_factory.mktemp("figures")
    ports = {part: free_port() for part in ("site", "projector", "dashboard")}
    environ = environment(
        folder / "data",
        free_port(),
        publish_seconds=0.2,
        messages="json",
        trusted_proxies="127.0.0.1",
        **{f"{part}_figures_port": number for part, number in ports.items()},
    )
    site = f"http://127.0.0.1:{environ['DWELL_PORT']}"
    dashboard = f"http://127.0.0.1:{environ['DWELL_DASHBOARD_PORT']}"
    with running("up", environ=environ, output=folder / "said") as up:
        wait_until(lambda: '"message": "Ctrl-C ends it all."' in up.printed())
        visit(site)
        asyncio.run(append_what_only_an_operator_may(environ))

        def carried() -> bool:
            samples = scraped(ports["projector"])[1]
            lag = samples.get("dwell_projector_lag_records", {(): 1.0})
            dead = samples.get("dwell_projector_dead_letters", {})
            return not any(lag.values()) and sum(dead.values()) == 1

        wait_until(carried)
        wait_until(lambda: ask(f"{dashboard}/sessions/{fact()['session_id']}.json")[0] == 200)
        look(dashboard, fact()["session_id"])
        with urllib.request.urlopen(f"{dashboard}/events", timeout=20):
            wait_until(
                lambda: value(scraped(ports["dashboard"])[1], "dwell_dashboard_viewers") == 1
            )
            exposed = {part: scraped(number) for part, number in ports.items()}
        health = {}
        for part, number in ports.items():
            for question in ("live", "ready"):
                status, body = ask(f"http://127.0.0.1:{number}/dwell/health/{question}")
                health[part, question] = status, json.loads(body)
        findings = examine(Settings.read(environ=environ), 60)
        assert ask(f"http://127.0.0.1:{ports['site']}/{PERSON['query']}")[0] == 404
        assert ask(f"http://127.0.0.1:{ports['site']}/metrics", b"")[0] == 405
        up.stop()
        yield Run(exposed, health, up.printed(), findings)


def test_each_part_is_live_and_ready(run: Run) -> None:
    for (_, question), answer in run.health.items():
        assert answer == (200, {question: True})
    assert len(run.health) == 6
    for part in run.scraped:
        assert value(run.samples(part), "dwell_ready") == 1


def test_the_site_counts_what_it_kept_and_what_it_refused_and_why(run: Run) -> None:
    samples = run.samples("site")
    assert value(samples, "dwell_site_facts_accepted_total") == 4
    assert value(samples, "dwell_site_waiting_facts") == 0
    assert value(samples, "dwell_site_waiting_bytes") == 0
    assert value(samples, "dwell_site_waiting_bytes_limit") == 67_108_864
    assert value(samples, "dwell_site_durable_seconds_count") == 3
    assert value(samples, "dwell_site_durable_seconds_bucket", {"le": "+Inf"}) == 3
    assert value(samples, "dwell_site_durable_seconds_sum") > 0
    facts = samples["dwell_site_facts_refused_total"]
    assert {dict(labels)["reason"]: many for labels, many in facts.items()} == {
        "invalid_field": 1,
        "unknown_type": 1,
        "unknown_version": 0,
    }
    requests = samples["dwell_site_requests_refused_total"]
    refused = {dict(labels)["reason"]: many for labels, many in requests.items()}
    assert {reason: many for reason, many in refused.items() if many} == {
        "not_json": 1,
        "other_origin": 1,
        "content_type": 1,
        "opted_out": 1,
    }
    assert "log_unavailable" in refused, "a reason is there before it occurs"


def test_the_projector_tells_its_lag_its_transactions_its_publications_and_its_dead_letters(
    run: Run,
) -> None:
    samples = run.samples("projector")
    partition = {"partition": "0"}
    assert value(samples, "dwell_projector_lag_records", partition) == 0
    assert value(samples, "dwell_projector_lag_seconds", partition) == 0
    transactions = value(samples, "dwell_projector_transaction_seconds_count")
    assert transactions == value(samples, "dwell_projector_transaction_records_count") >= 1
    assert value(samples, "dwell_projector_transaction_records_sum") >= 6
    assert value(samples, "dwell_projector_publication_seconds_count") >= 1
    assert value(samples, "dwell_projector_publications_failed_total") == 0
    made = value(samples, "dwell_projector_published_timestamp_seconds")
    assert 0 <= time.time() - made < 300
    assert 0 <= value(samples, "dwell_projector_published_age_seconds") < 300
    letters = samples["dwell_projector_dead_letters"]
    assert sum(letters.values()) == 1
    assert len(letters) == 6, "a reason is there before it occurs"


def test_the_dashboard_counts_requests_statements_and_viewers(run: Run) -> None:
    samples = run.samples("dashboard")
    answered = samples["dwell_dashboard_requests_total"]
    statuses = {dict(labels)["status"]: many for labels, many in answered.items()}
    assert statuses["200"] >= 3
    assert statuses["400"] >= 1
    assert statuses["404"] >= 2
    assert value(samples, "dwell_dashboard_statement_seconds_count") >= 2
    assert value(samples, "dwell_dashboard_viewers") == 1
    assert value(samples, "dwell_dashboard_questions") >= 0


def test_the_doctor_finds_nothing_wrong_and_disturbs_nobody(run: Run) -> None:
    verdicts = {each.of: each.verdict for each in run.findings}
    for of_machine in ("SQLite", "clock", "space", "versions"):
        verdicts.pop(of_machine, None)
    assert verdicts.pop("dead letters") == "note"
    assert set(verdicts.values()) == {"well"}, run.findings
    said = {each.of: each.said for each in run.findings}
    assert said["site"].startswith("is ready on 127.0.0.1:")
    assert "is at work on" in said["projector"]
    assert "again in" not in run.said, "nothing had to be started again"


def test_names_are_as_prometheus_wants_them(run: Run) -> None:
    for text, _ in run.scraped.values():
        kinds = dict(re.findall(r"^# TYPE (dwell_\S+) (\S+)$", text, re.MULTILINE))
        helps = set(re.findall(r"^# HELP (dwell_\S+) .+\.$", text, re.MULTILINE))
        assert helps == kinds.keys()
        for name, kind in kinds.items():
            assert name.endswith("_total") == (kind == "counter"), name
            assert not re.search(r"_(ms|milliseconds|kb|mb|minutes)(_|$)", name), name
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert name in run.names()


def test_everything_that_is_said_is_an_object_a_line(run: Run) -> None:
    objects = [json.loads(line) for line in run.said.splitlines()]
    for said in objects:
        assert list(said)[:5] == ["time", "level", "logger", "process", "message"]
        assert datetime.fromisoformat(said["time"]).utcoffset() is not None
    assert {said["process"] for said in objects} == {"up", "site", "dashboard", "project"}
    by_logger = {said["logger"]: said for said in objects}
    assert by_logger["dwell.site.collector.notices"]["level"] == "WARNING"
    assert any("1 records could not be read" in said["message"] for said in objects)


def test_nothing_that_is_said_or_exposed_tells_of_a_person(run: Run) -> None:
    ids = [fact()["pageview_id"], fact()["session_id"], distinct(2)["pageview_id"]]
    exposed = "".join(text for text, _ in run.scraped.values())
    for secret in (*PERSON.values(), *ids):
        assert secret not in run.said
        assert secret not in exposed


def panels() -> Iterator[dict[str, Any]]:
    """The panels of the Grafana dashboard that ask for something."""
    board = json.loads((GRAFANA / "dwell.json").read_text())
    yield from (each for each in board["panels"] if each["type"] != "row")


def expressions() -> list[str]:
    """All queries: of the Grafana dashboard and of the alerts."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    alerts = re.findall(r"^\s+expr: (.+)$", (GRAFANA / "alerts.yml").read_text(), re.MULTILINE)
    return asked + alerts


def test_each_name_that_grafana_asks_for_is_exposed(run: Run) -> None:
    asked = {name for each in expressions() for name in re.findall(r"(?:dwell|process)_\w+", each)}
    assert asked - run.names() == set()
    assert len(asked) > 15


def test_each_figure_is_on_the_board(run: Run) -> None:
    asked = "\n".join(expressions())
    of_parts = {re.sub(r"_(bucket|sum|count)$", "", name) for name in run.names()}
    shown = {each for each in of_parts if each.startswith("dwell_") and each in asked}
    assert {each for each in of_parts if each.startswith("dwell_")} - shown == {
        "dwell_projector_published_timestamp_seconds",  # its age is there
    }


def test_each_panel_says_what_it_shows_in_which_unit() -> None:
    found = list(panels())
    assert len(found) >= 15
    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert all(target["datasource"]["uid"] == "${source}" for target in panel["targets"])


@pytest.fixture
def promtool() -> str:
    """Prometheus's own checker."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not on PATH: on Debian it is in the package prometheus")
    return found


def test_prometheus_takes_the_queries_the_alerts_and_the_scrape_config(
    promtool: str, tmp_path: Path
) -> None:
    rules = {"groups": [{"name": "all", "rules": []}]}
    for number, expression in enumerate(expressions()):
        asked = expression.replace("$__rate_interval", "1m")
        rules["groups"][0]["rules"].append({"record": f"asked:{number}", "expr": asked})  # type: ignore[attr-defined]
    (tmp_path / "queries.yml").write_text(json.dumps(rules))
    for arguments in (
        ("rules", tmp_path / "queries.yml"),
        ("rules", GRAFANA / "alerts.yml"),
        ("config", GRAFANA / "prometheus.yml"),
    ):
        command = [promtool, "check", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_finds_nothing_to_blame_in_what_is_exposed(promtool: str, run: Run) -> None:
    for text, _ in run.scraped.values():
        done = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_each_figure_is_in_the_docs(run: Run) -> None:
    page = (ROOT / "docs/operating.md").read_text()
    rows = re.findall(r"^\| `(dwell_\w+)` \| (\w+) \| (\w+) \| (.+) \|$", page, re.MULTILINE)
    told = {(name, part, kind, meaning) for name, part, kind, meaning in rows}
    exposed = set()
    for part, (text, _) in run.scraped.items():
        kinds = dict(re.findall(r"^# TYPE (dwell_\S+) (\S+)$", text, re.MULTILINE))
        for name, meaning in re.findall(r"^# HELP (dwell_\S+) (.+)$", text, re.MULTILINE):
            whose = part if f"_{part}_" in name else "each"
            exposed.add((name, whose, kinds[name], meaning))
    assert told == exposed


def test_a_port_in_use_is_named_with_its_setting(tmp_path: Path) -> None:
    taken = free_port()
    environ = environment(tmp_path / "data", taken, site_figures_port=taken, messages="json")
    with running("site", environ=environ, output=tmp_path / "said") as site:
        assert site.wait(20) == 2
        said = json.loads(site.printed())
    assert (said["process"], said["level"]) == ("site", "CRITICAL")
    assert f"127.0.0.1:{taken} is in use by another process" in said["message"]
    assert "--site-figures-port or DWELL_SITE_FIGURES_PORT" in said["message"]
