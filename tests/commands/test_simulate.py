"""`dwell simulate`: visitors whose truth is known, and the check against it."""

import asyncio
import json
import shlex
import shutil
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, count, pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from starlette.applications import Starlette

from dwell.cli import run
from dwell.commands.simulate import checking, next_command, sending
from dwell.commands.simulate.checking import compare, compare_within
from dwell.commands.simulate.delivery import Delivery, Request, body_of, in_bulk, in_pieces
from dwell.commands.simulate.journeys import Fact, Visit, Visits, facts_of
from dwell.commands.simulate.pages import SITE
from dwell.commands.simulate.people import AGENTS, DAY, HOUR
from dwell.commands.simulate.sending import Browsers, CollectorMissing, seconds_until
from dwell.commands.simulate.truth import TruthFile, expectations, read_truth
from dwell.consumers.agents import describe
from dwell.consumers.judge import judge
from dwell.events.log import Batch, NewRecord
from dwell.events.memory import MemoryLog
from dwell.schemas.records import record_of_glimpse
from dwell.schemas.wire import read_facts
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.pages import PAGES
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.projection import Projection
from tests.support.running import environment, free_port, running, wait_until
from tests.support.serving import serving

UNTIL = 1_795_417_200_000
"""A Monday, 2026-11-23 07:00 UTC."""
DELIVERIES = [in_pieces, in_bulk]


def some_visits(visitors: int = 12, seed: int = 3, days: int = 30, until: int = UNTIL) -> Visits:
    return Visits(seed=seed, visitors=visitors, since=until - days * DAY, until=until)


def requests_of(visit: Visit, delivery: Delivery) -> Iterator[Request]:
    return chain.from_iterable(delivery(visit))


# Visits, and what browsers state about them


def test_a_page_states_each_change_and_each_checkpoint_of_visible_time() -> None:
    facts = list(facts_of(1_000, [(True, 6_000), (False, 8_000), (True, 4_500)]))
    assert facts == [
        Fact(0, 1_000, "visible", 0, 0),
        Fact(1, 6_000, "visible", 5_000, 5_000),
        Fact(2, 7_000, "hidden", 6_000, 6_000),
        Fact(3, 15_000, "visible", 6_000, 14_000),
        Fact(4, 19_000, "visible", 10_000, 18_000),
        Fact(5, 19_500, "hidden", 10_500, 18_500),
    ]


def test_checkpoints_come_every_minute_from_the_fortieth_second_on() -> None:
    engaged = [fact.engagement_ms for fact in facts_of(0, [(True, 230_000)])]
    assert engaged == [0, 5_000, 10_000, 20_000, 40_000, 100_000, 160_000, 220_000, 230_000]


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_fold_of_the_sent_facts_gives_the_truth(delivery: Delivery) -> None:
    visits = list(some_visits(60))
    engaged: dict[str, int] = defaultdict(int)
    seqs: dict[str, set[int]] = defaultdict(set)
    said: dict[str, tuple[str, str]] = {}
    for request in chain.from_iterable(requests_of(visit, delivery) for visit in visits):
        for fact in json.loads(body_of(request, UNTIL))["facts"]:
            pageview_id = fact["pageview_id"]
            engaged[pageview_id] = max(engaged[pageview_id], fact["engagement_ms"])
            seqs[pageview_id].add(fact["seq"])
            said[pageview_id] = fact["session_id"], fact["view"]
    lines = [line for visit in visits for line in expectations(visit) if "pageview" in line]
    assert engaged == {line["pageview"]: line["engagement_ms"] for line in lines}
    assert seqs == {line["pageview"]: set(line["seq"]) for line in lines}
    assert said == {line["pageview"]: (line["session"], line["view"]) for line in lines}
    told = {line["previous"]: line["previous_seq"] for line in lines if line["previous"]}
    assert told == {pageview_id: max(seqs[pageview_id]) for pageview_id in told}
    assert len(told) > 20


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_collector_can_keep_every_request(delivery: Delivery) -> None:
    for visit in some_visits(60, days=399):
        for request in requests_of(visit, delivery):
            body = body_of(request, UNTIL + 60_000)
            assert len(body) < 64 * 1024
            assert read_facts(body).errors == []


def test_the_same_seed_gives_the_same_visits() -> None:
    visits = some_visits(seed=5)
    assert list(visits) == list(visits) == list(some_visits(seed=5))
    assert len(visits) == len(list(visits))
    assert in_pieces(next(iter(visits))) == in_pieces(next(iter(visits)))


def test_another_seed_gives_other_visits() -> None:
    ids = [{visit.session_id for visit in some_visits(seed=seed)} for seed in (5, 6)]
    assert not ids[0] & ids[1]


def test_nothing_happens_after_the_end_of_the_span_nor_much_before_its_start() -> None:
    moments = [
        fact.occurred_at
        for visit in some_visits(150)
        for pageview in visit.pageviews
        for fact in pageview.facts
    ]
    assert max(moments) < UNTIL
    assert min(moments) > UNTIL - 30 * DAY - 4 * HOUR


def test_people_come_back_as_the_same_visitor_and_never_twice_at_once() -> None:
    visits = list(some_visits(150))
    by_person: dict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_person[visit.person].append(visit)
    assert any(len(own) > 3 for own in by_person.values())
    for own in by_person.values():
        for earlier, later in pairwise(own):
            end = max(fact.occurred_at for p in earlier.pageviews for fact in p.facts)
            assert end < min(pageview.started_at for pageview in later.pageviews)
            assert later.visitor_id == (earlier.visitor_id if earlier.returns else later.session_id)
        assert not own[-1].returns
    without_cookies = [own for own in by_person.values() if len(own) > 1 and not own[0].returns]
    assert without_cookies


def test_nights_and_weekends_are_quieter() -> None:
    hours: Counter[int] = Counter()
    weekdays: Counter[int] = Counter()
    for visit in some_visits(1_500, days=28):
        moment = time.gmtime(next(visit.pageviews).started_at / 1000)
        hours[moment.tm_hour] += 1
        weekdays[moment.tm_wday] += 1
    assert sum(hours[hour] for hour in range(1, 6)) * 4 < sum(hours[hour] for hour in range(10, 15))
    assert weekdays[5] + weekdays[6] < weekdays[1] + weekdays[2]


def test_visits_are_as_varied_as_real_ones() -> None:
    visits = list(some_visits(800))
    pageviews = [pageview for visit in visits for pageview in visit.pageviews]
    agents = Counter(visit.agent for visit in visits)
    lanes = [lane for visit in visits for lane in in_pieces(visit)]
    requests = [request for lane in lanes for request in lane]
    clock = [
        int(pageview.pageview_id.replace("-", "")[:12], 16) - pageview.started_at
        for pageview in pageviews
    ]
    assert len(agents) == len(AGENTS) + 2
    assert any("bot" in agent for agent in agents)
    assert any("iPhone" in agent for agent in agents)
    assert any(len(visit.tabs) == 2 for visit in visits)
    assert any(pageview.in_place for pageview in pageviews)
    assert any(len(pageview.stretches) > 2 for pageview in pageviews)
    assert any(not pageview.stretches[-1][0] for pageview in pageviews)
    assert any(pageview.facts[-1].seq >= len(pageview.facts) for pageview in pageviews)
    assert 0 < sum(skew != 0 for skew in clock) < len(clock) / 50
    assert max(map(abs, clock)) > 100 * DAY
    assert {page.page.path for page in pageviews} == {
        "/",
        "/page_a",
        "/page_b",
        "/page_c/tab_1",
        "/page_c/tab_2",
    }
    assert any(len(request) > 3 for request in requests)
    assert any(len(set(lane)) < len(lane) for lane in lanes)
    assert any(
        earlier[0][1].occurred_at > later[0][1].occurred_at
        for lane in lanes
        for earlier, later in pairwise(lane)
    )
    assert sum(len(request) <= 3 for request in requests) > 0.9 * len(requests)


# Over HTTP


@contextmanager
def collecting(log: MemoryLog) -> Iterator[str]:
    """A collector with this log; yields its URL."""
    app = Starlette()
    Dwell(Settings(), log.writer()).mount(app)
    with serving(app) as origin:
        yield f"{origin}/dwell/facts"


@dataclass
class Trouble:
    """A proxy before a collector, at which things go wrong by turns.

    Attributes:
        turns: the moment of each request on the monotonic clock, its body, what became of it.
    """

    collector: str
    turns: list[tuple[float, bytes, str]] = field(default_factory=list)

    TROUBLES = ("429", "503", "lost", "unanswered", "500")
    RETRY_AFTER = 0.1

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/dwell/facts", self.answer)
        runner = web.AppRunner(app)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as self.session:
            await runner.setup()
            try:
                port = free_port()
                await web.TCPSite(runner, "127.0.0.1", port).start()
                yield f"http://127.0.0.1:{port}/dwell/facts"
            finally:
                await runner.cleanup()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        troubles = len(self.turns) // 6
        turn = self.TROUBLES[troubles % 5] if len(self.turns) % 6 == 5 else "kept"
        self.turns.append((time.monotonic(), body, turn))
        if turn.isdigit():
            headers = {"Retry-After": f"{self.RETRY_AFTER}"} if turn in ("429", "503") else {}
            return web.Response(status=int(turn), headers=headers)
        answer = web.Response(status=500)
        if turn in ("kept", "unanswered"):
            answer = await self.forward(request, body)
        if turn in ("lost", "unanswered"):
            assert request.transport is not None
            request.transport.abort()
        return answer

    async def forward(self, request: web.Request, body: bytes) -> web.Response:
        names = ("Content-Type", "User-Agent", "Cookie")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        async with self.session.post(self.collector, data=body, headers=headers) as reply:
            cookie = {"Set-Cookie": reply.headers["Set-Cookie"]}
            return web.Response(status=reply.status, headers=cookie)

    def waits(self) -> Iterator[float]:
        """After each refusal with a Retry-After, the seconds until the same facts came again."""
        refused: dict[frozenset[tuple[str, int]], float] = {}
        for moment, body, turn in self.turns:
            facts = json.loads(body)["facts"]
            key = frozenset((fact["pageview_id"], fact["seq"]) for fact in facts)
            if key in refused:
                yield moment - refused.pop(key)
            if turn in ("429", "503"):
                refused[key] = moment


async def simulate(url: str, visits: Visits, truth: Path, **options: Any) -> sending.Tally:
    with TruthFile(truth) as file:
        browsers = Browsers(
            url=url, visits=visits, truth=file, **({"delivery": in_pieces} | options)
        )
        await browsers.run()
    return browsers.tally


def live_visits(visitors: int = 12) -> Visits:
    return some_visits(visitors, days=1, until=time.time_ns() // 1_000_000)


def arrived(log: MemoryLog) -> dict[str, dict[str, Any]]:
    """By pageview, what the records in the log come to."""
    found: dict[str, dict[str, Any]] = {}
    for record in log.records():
        data = json.loads(record.value)["data"]
        row = found.setdefault(data["pageview_id"], {"seq": set(), "engagement_ms": 0})
        row["seq"].add(data["seq"])
        row["engagement_ms"] = max(row["engagement_ms"], data["engagement_ms"])
        row |= {"view": data["view"], "session": data["session_id"]}
        row |= {"visitor": data["visitor_id"], "agent": data["browser_agent"]}
        row["started_at"] = data["received_at"] - data["delay_ms"] - data["age_ms"]
    return found


def told(truth: Path) -> tuple[dict[str, dict[str, Any]], dict[str, set[int]]]:
    """By pageview, what the truth file says it comes to, and which of its facts are settled."""
    sessions: dict[str, dict[str, Any]] = {}
    pageviews: dict[str, dict[str, Any]] = {}
    settled: dict[str, set[int]] = defaultdict(set)
    for line in read_truth(truth):
        if "visitor" in line:
            sessions[line["session"]] = {name: line[name] for name in ("visitor", "agent")}
        elif "pageview" in line:
            pageviews[line["pageview"]] = {
                "seq": set(line["seq"]),
                **{name: line[name] for name in ("engagement_ms", "view", "session")},
                **sessions[line["session"]],
            }
        elif "settled" in line:
            settled[line["settled"]] |= set(line["seq"])
    return pageviews, settled


def without_moments(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        key: {name: value for name, value in row.items() if name != "started_at"}
        for key, row in found.items()
    }


@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_a_real_collector_keeps_what_the_truth_tells(
    delivery: Delivery, tmp_path: Path
) -> None:
    log, visits = MemoryLog(), live_visits(40)
    with collecting(log) as url:
        tally = await simulate(url, visits, tmp_path / "truth.jsonl", delivery=delivery)
    pageviews, settled = told(tmp_path / "truth.jsonl")
    found = arrived(log)
    assert without_moments(found) == pageviews
    assert {key: row["seq"] for key, row in found.items()} == settled
    assert tally.visits == len(visits)
    assert tally.facts == len(log.records())
    assert (tally.retries, tally.refused) == (0, 0)
    for visit in visits:
        for pageview in visit.pageviews:
            assert abs(found[pageview.pageview_id]["started_at"] - pageview.started_at) < 5_000


async def test_every_fact_is_settled_in_the_end_whatever_goes_wrong(tmp_path: Path) -> None:
    log = MemoryLog()
    with collecting(log) as url:
        trouble = Trouble(url)
        async with trouble.served() as proxy:
            tally = await simulate(proxy, live_visits(), tmp_path / "truth.jsonl")
    pageviews, settled = told(tmp_path / "truth.jsonl")
    assert without_moments(arrived(log)) == pageviews
    assert {key: row["seq"] for key, row in pageviews.items()} == settled
    assert tally.retries == sum(turn != "kept" for _, _, turn in trouble.turns)
    assert {turn for _, _, turn in trouble.turns} == {"kept", *Trouble.TROUBLES}
    assert len(log.records()) > tally.facts, "what was kept without an answer is sent again"
    assert min(trouble.waits()) >= Trouble.RETRY_AFTER


def test_retry_after_may_be_seconds_or_a_date() -> None:
    assert seconds_until("2") == 2
    assert seconds_until("Fri, 31 Dec 1999 23:59:59 GMT") == 0
    assert seconds_until("Fri, 31 Dec 2399 23:59:59 GMT") == sending.LONGEST_RETRY_AFTER
    assert seconds_until("soon") is None
    assert seconds_until(None) is None


async def test_the_rate_is_not_exceeded(tmp_path: Path) -> None:
    log, visits = MemoryLog(), live_visits(3)
    with collecting(log) as url:
        began = time.monotonic()
        tally = await simulate(url, visits, tmp_path / "truth.jsonl", rate=100)
    assert tally.facts > 100
    assert time.monotonic() - began > (tally.facts - 20) / 100


async def test_a_url_where_nothing_answers_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "REACHED_WITHIN", 0.2)
    url = f"http://127.0.0.1:{free_port()}/dwell/facts"
    with pytest.raises(CollectorMissing, match="does not answer"):
        await simulate(url, live_visits(2), tmp_path / "truth.jsonl")


async def test_a_url_of_something_else_is_an_error(tmp_path: Path) -> None:
    with collecting(MemoryLog()) as url, pytest.raises(CollectorMissing, match="answers 404"):
        await simulate(f"{url}/more", live_visits(2), tmp_path / "truth.jsonl")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_truth_is_true_however_the_simulation_ends(how: signal.Signals, tmp_path: Path) -> None:
    log = MemoryLog()
    with collecting(log) as url:
        arguments = ("simulate", "--visitors", "5000", "--url", url)
        environ = environment(tmp_path, free_port())
        with running(*arguments, environ=environ, output=tmp_path / "out") as process:
            wait_until(lambda: len(log.records()) > 300)
            status = process.stop(how)
    pageviews, settled = told(tmp_path / "simulated-visitors.truth.jsonl")
    found = arrived(log)
    assert settled
    for key, row in found.items():
        assert row["seq"] <= pageviews[key]["seq"]
        assert row["visitor"] == pageviews[key]["visitor"]
    for key, seqs in settled.items():
        assert seqs <= found[key]["seq"]
    assert len(found) - len(settled) <= 20
    assert status == (130 if how == signal.SIGINT else -9)


async def test_two_visits_of_one_person_may_be_broken_off_in_any_order(tmp_path: Path) -> None:
    with TruthFile(tmp_path / "truth.jsonl") as truth:
        browsers = Browsers(
            url="http://127.0.0.1:9", visits=live_visits(1), delivery=in_pieces, truth=truth
        )
        going, waiting = [asyncio.create_task(_visits(browsers)) for _ in range(2)]
        await asyncio.sleep(0)
        for each in (waiting, going):
            each.cancel()
            with pytest.raises(asyncio.CancelledError):
                await each


async def _visits(browsers: Browsers) -> None:
    async with browsers._in_turn(1):
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "torn", [b'{"settled":"01a', b"x" * 200_000, b""], ids=["a line", "much", "nothing"]
)
def test_the_beginning_of_a_line_goes_when_the_truth_is_gone_on_with(
    torn: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "truth.jsonl"
    for whole in (b"", b'{"run":{"visitors":1}}\n'):
        path.write_bytes(whole + torn)
        with TruthFile(path) as truth:
            truth.run(ended=True)
        assert path.read_bytes() == whole + b'{"run":{"ended":true}}\n'


# The check


def records_of(visits: Visits) -> list[NewRecord]:
    """The log's records after all facts have come."""
    records: list[NewRecord] = []
    for visit in visits:
        for request in requests_of(visit, in_bulk):
            for fact in read_facts(body_of(request, UNTIL)).facts:
                value = record_of_glimpse(
                    fact,
                    visitor_id=visit.visitor_id,
                    browser_agent=visit.agent,
                    received_at=UNTIL + len(records),
                )
                records.append(NewRecord(visit.visitor_id.encode(), value, UNTIL + len(records)))
    return records


@dataclass(frozen=True)
class Kept:
    """A warehouse of some visits, and their truth."""

    warehouse: Path
    truth: Path

    def change(self, *statements: str) -> None:
        """Do the warehouse some harm."""
        with LiveWarehouse(self.warehouse) as warehouse, warehouse.transaction() as connection:
            connection.execute("use warehouse")
            for statement in statements:
                connection.execute(statement)
            connection.execute("use memory")

    def compare(self) -> dict[str, dict[str, int]]:
        """What differs, by how."""
        result = compare(self.warehouse, self.truth).tables
        assert all(bool(each.examples) == bool(each.different) for each in result.values())
        assert all(each.rows for each in result.values())
        return {
            name: {verdict: count for verdict, count in each.verdicts.items() if count}
            for name, each in result.items()
            if each.different
        }


def keep(
    folder: Path,
    *,
    settled: Callable[[int], bool] = lambda number: True,
    rows_for: timedelta | None = None,
) -> Kept:
    """A warehouse of a dozen visitors' visits, and their truth with some requests settled."""
    visits = some_visits()
    records = records_of(visits)
    batch = Batch(
        partition=0,
        offsets=list(range(len(records))),
        timestamps=[record.timestamp for record in records],
        keys=[record.key for record in records],
        values=[record.value for record in records],
    )
    kept = Kept(folder / "warehouse.duckdb", folder / "truth.jsonl")
    with LiveWarehouse(kept.warehouse) as warehouse:
        projection = Projection(
            warehouse,
            judge=judge,
            describe=describe,
            starts=dict,
            offsets_at=lambda _: {},
            keep=rows_for,
        )
        projection.apply(projection.read([batch]))
    numbers = count()
    with TruthFile(kept.truth) as file:
        for visit in visits:
            file.expect(visit)
            for request in requests_of(visit, in_bulk):
                if settled(next(numbers)):
                    file.settle(request)
    return kept


def test_a_right_warehouse_passes(tmp_path: Path) -> None:
    assert keep(tmp_path).compare() == {}


ONE = "(select min(pageview_id) from pageview)"
HARM = {
    "a lost fact": (
        f"delete from visibility_change where seq = 0 and pageview_id = {ONE}",
        {"facts": {"lost": 1}},
    ),
    "a doubled fact": (
        f"insert into visibility_change from visibility_change where seq = 0 and pageview_id = {ONE}",
        {"facts": {"doubled": 1}},
    ),
    "a fact never stated": (
        f"update visibility_change set seq = 99 where seq = 0 and pageview_id = {ONE}",
        {"facts": {"lost": 1, "invented": 1}},
    ),
    "a fact with another engagement": (
        f"update visibility_change set engagement_time = 0.001 where seq = 0 and pageview_id = {ONE}",
        {"facts": {"changed": 1}},
    ),
    "a fact with another visibility": (
        f"update visibility_change set visibility = 'hidden' where seq = 0 and pageview_id = {ONE}",
        {"facts": {"changed": 1}},
    ),
    "a lost pageview": (
        f"delete from pageview where pageview_id = {ONE}",
        {"pageviews": {"lost": 1}},
    ),
    "a doubled pageview": (
        f"insert into pageview from pageview where pageview_id = {ONE}",
        {"pageviews": {"doubled": 1}},
    ),
    "an invented pageview": (
        "insert into pageview select * replace (uuid() as pageview_id) from pageview limit 1",
        {"pageviews": {"invented": 1}},
    ),
    "a millisecond more": (
        f"update pageview set engagement_time = engagement_time + 0.001 where pageview_id = {ONE}",
        {"pageviews": {"changed": 1}},
    ),
    "another view": (
        f"update pageview set view_name = 'another' where pageview_id = {ONE}",
        {"pageviews": {"changed": 1}},
    ),
    "another visitor of a pageview": (
        f"update pageview set visitor_id = uuid() where pageview_id = {ONE}",
        {"pageviews": {"changed": 1}},
    ),
    "a fact that its pageview does not count": (
        f"update pageview set facts = facts - 1 where pageview_id = {ONE}",
        {"pageviews": {"changed": 1}},
    ),
    "a pageview that says more was made of the one before it": (
        "update pageview set previous_seq = previous_seq + 1 where pageview_id ="
        " (select min(pageview_id) from pageview where previous_seq is not null)",
        {"pageviews": {"changed": 2}},
    ),
    "another session of a pageview": (
        f"update pageview set session_id = uuid() where pageview_id = {ONE}",
        {"pageviews": {"changed": 1}},
    ),
    "a lost session": (
        "delete from tracking_session where session_id = (select min(session_id) from tracking_session)",
        {"sessions": {"lost": 1}},
    ),
    "a doubled session": (
        "insert into tracking_session from tracking_session order by session_id limit 1",
        {"sessions": {"doubled": 1}},
    ),
    "an invented session": (
        "insert into tracking_session select * replace (uuid() as session_id)"
        " from tracking_session limit 1",
        {"sessions": {"invented": 1}},
    ),
    "another visitor of a session": (
        "update tracking_session set visitor_id = uuid()"
        " where session_id = (select min(session_id) from tracking_session)",
        {"sessions": {"changed": 1}},
    ),
    "another agent": (
        "update tracking_session set browser_agent = 'another'"
        " where session_id = (select min(session_id) from tracking_session)",
        {"sessions": {"changed": 1}},
    ),
    "a pageview counted twice in its session": (
        "update tracking_session set pageviews = pageviews + 1"
        " where session_id = (select min(session_id) from tracking_session)",
        {"sessions": {"changed": 1}},
    ),
}


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return keep(tmp_path_factory.mktemp("right"))


@pytest.mark.parametrize("harm", HARM)
def test_the_check_finds(harm: str, right: Kept, tmp_path: Path) -> None:
    statement, found = HARM[harm]
    harmed = replace(right, warehouse=tmp_path / "warehouse.duckdb")
    shutil.copy(right.warehouse, harmed.warehouse)
    harmed.change(statement)
    assert harmed.compare() == found


def test_facts_without_an_answer_may_be_there_or_not(tmp_path: Path) -> None:
    kept = keep(tmp_path, settled=lambda number: number % 2 == 0)
    assert kept.compare() == {}
    unsettled = next(
        line["pageview"]
        for line in read_truth(kept.truth)
        if "pageview" in line and line["pageview"] not in told(kept.truth)[1]
    )
    last = f"(select max(seq) from visibility_change where pageview_id = '{unsettled}')"
    kept.change(
        f"delete from visibility_change where pageview_id = '{unsettled}' and seq = {last}",
        "update pageview set engagement_time = (select max(engagement_time) from visibility_change"
        f" where pageview_id = '{unsettled}') where pageview_id = '{unsettled}'",
    )
    assert kept.compare() == {}
    kept.change(
        f"delete from visibility_change where pageview_id = '{unsettled}'",
        f"delete from pageview where pageview_id = '{unsettled}'",
        f"update tracking_session set pageviews = pageviews - 1 where session_id ="
        f" (select session from (values ('{told(kept.truth)[0][unsettled]['session']}'::uuid)) as t(session))",
        "delete from tracking_session where pageviews = 0",
    )
    assert kept.compare() == {}


def test_facts_without_an_answer_must_be_right_if_they_are_there(tmp_path: Path) -> None:
    kept = keep(tmp_path, settled=lambda number: number % 2 == 0)
    pageviews, settled = told(kept.truth)
    unsettled = min(pageviews.keys() - settled.keys())
    kept.change(f"update pageview set engagement_time = 0 where pageview_id = '{unsettled}'")
    assert kept.compare() == {"pageviews": {"changed": 1}}


def test_sessions_that_began_before_rows_are_kept_may_be_gone_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep(tmp_path, rows_for=timedelta(days=10))
    compared = compare(kept.warehouse, kept.truth)
    assert compared.dropped > 3
    assert not compared.different
    assert compared.tables["sessions"].rows > 3
    check = ["simulate", "--check", "--data", str(tmp_path), "--truth", str(kept.truth)]
    assert run(check) == 0
    assert f"{compared.dropped} sessions began before rows are kept" in capsys.readouterr().out


def test_a_session_is_not_gone_whole_of_which_something_is_there(tmp_path: Path) -> None:
    kept = keep(tmp_path)
    kept.change("insert into projection_info values ('horizon', '2026-11-13T00:00:00')")
    assert kept.compare() == {}
    oldest = "(from tracking_session select session_id order by started_at limit 1)"
    [its, latest] = [
        f"(from pageview select pageview_id where session_id = {which})"
        for which in (oldest, oldest.replace("started_at", "started_at desc"))
    ]
    kept.change(
        f"delete from visibility_change where pageview_id in {its} and seq > 0",
        f"delete from pageview where session_id = {oldest}",
        f"delete from tracking_session where session_id = {oldest}",
    )
    assert kept.compare().keys() == {"facts", "pageviews", "sessions"}
    kept.change(
        "delete from visibility_change where pageview_id not in (from pageview select pageview_id)"
    )
    assert kept.compare() == {}
    assert compare(kept.warehouse, kept.truth).dropped == 1
    kept.change(f"delete from visibility_change where pageview_id in {latest} and seq = 0")
    assert kept.compare().keys() == {"facts"}


def test_the_exit_status_tells_same_from_different_from_unknown(
    right: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    check = ["simulate", "--check", "--data", str(data), "--truth"]
    assert run([*check, str(right.truth)]) == 2
    assert "there is no warehouse" in capsys.readouterr().err
    data.mkdir()
    harmed = replace(right, warehouse=data / "warehouse.duckdb")
    shutil.copy(right.warehouse, harmed.warehouse)
    assert run([*check, str(right.truth)]) == 0
    assert "the same" in capsys.readouterr().out
    assert run([*check, str(tmp_path / "nowhere")]) == 2
    assert "is missing" in capsys.readouterr().err
    torn = tmp_path / "torn.jsonl"
    torn.write_text('{"pageview": "01')
    assert run([*check, str(torn)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"run": {}}\n')
    assert run([*check, str(empty)]) == 2
    assert "nothing to compare" in capsys.readouterr().err
    harmed.change(HARM["a lost pageview"][0])
    assert run([*check, str(right.truth)]) == 1
    printed = capsys.readouterr().out
    assert '"engagement_ms": ' in printed
    assert "found    nothing" in printed


def test_the_pages_are_those_of_the_demo_site() -> None:
    known = {page.path: page for page in SITE.values()}
    assert len(known) == len(SITE)
    assert {path: (page.title, page.view) for path, page in known.items()} == {
        page.path: (page.title, page.view) for page in PAGES
    }
    for page in PAGES:
        identity = {"path": page.path, "title": page.title, **page.identity}
        assert known[page.path].identity == identity


@pytest.mark.parametrize("truth", [None, "the truth.jsonl"])
def test_what_is_to_be_typed_next_names_the_same_files(tmp_path: Path, truth: str | None) -> None:
    settings = Settings(data=tmp_path / "my data")
    file = None if truth is None else tmp_path / truth
    typed = shlex.split(next_command(settings, file))
    assert typed[1:6] == ["simulate", "--check", "--wait", "30", "--data"]
    given = [str(settings.data)] if file is None else [str(settings.data), "--truth", str(file)]
    assert typed[6:] == given
    assert typed[0].endswith("dwell")
    assert next_command(Settings(), None).endswith("simulate --check --wait 30")


def test_the_check_waits_for_the_publication_that_has_everything(
    right: Kept, tmp_path: Path
) -> None:
    late = tmp_path / "warehouse.duckdb"
    shutil.copy(right.warehouse, late)
    replace(right, warehouse=late).change(HARM["a lost pageview"][0])

    def publish() -> None:
        shutil.copy(right.warehouse, tmp_path / "draft")
        (tmp_path / "draft").replace(late)

    timer = threading.Timer(0.5, publish)
    timer.start()
    try:
        result = compare_within(late, right.truth, wait=20)
    finally:
        timer.join()
    assert not result.different


def test_ctrl_c_ends_the_check(right: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    main = threading.main_thread().ident or 0

    def long(_: str) -> str:
        threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT)).start()
        return "select sum(range % 7) from range(1_000_000_000)"

    monkeypatch.setattr(checking, "_sql", long)
    with pytest.raises(KeyboardInterrupt):
        compare(right.warehouse, right.truth)
