"""A site that a real browser visits, the truth about what it shows, and what the facts say of it."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dwell.events.memory import MemoryLog
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.app import create_app
from tests.support.network import Network, network_to
from tests.support.running import wait_until
from tests.support.serving import serving

T = TypeVar("T")

TOLERANCE = 0.25
"""Seconds by which what is measured may differ from the truth."""


class Truth:
    """Seconds for which a page could be seen, by this process's monotonic clock.

    A change of visibility happens at some moment of the act that brings it about, so the truth
    lies between two bounds.
    """

    def __init__(self) -> None:
        self.least = 0.0
        self.most = 0.0
        self._shown = (0.0, 0.0)

    def shows(self, act: Callable[[], object]) -> None:
        """`act` brings the page into view."""
        self._shown = _timed(act)

    def hides(self, act: Callable[[], T]) -> T:
        """`act` takes it out of view; returns what it returns."""
        began = time.monotonic()
        made = act()
        self.least += began - self._shown[1]
        self.most += time.monotonic() - self._shown[0]
        return made

    def pauses(self, act: Callable[[], object], seconds: float) -> None:
        """`act` takes it out of view for so many seconds, or stops all that could show it."""
        began, ended = _timed(act)
        self.least += began - self._shown[1]
        self.most += ended - seconds - self._shown[0]
        self._shown = (began + seconds, ended)

    def hands_over(self, act: Callable[[], object], other: "Truth") -> None:
        """`act` puts another page in its place."""
        began = time.monotonic()
        self.hides(act)
        other._shown = (began, time.monotonic())

    def agrees_with(self, seconds: float, allowed: "Allowed | None" = None) -> bool:
        """Whether a measurement is right."""
        less, more = (allowed or Allowed()).bounds
        return self.least - less <= seconds <= self.most + more

    def __repr__(self) -> str:
        return f"{self.least:.2f} to {self.most:.2f} s"


@dataclass(frozen=True)
class Allowed:
    """What a fault may cost beyond the tolerance, in seconds."""

    loses: float = 0
    adds: float = 0

    @property
    def bounds(self) -> tuple[float, float]:
        """Seconds by which a measurement may be less, and more, than the truth."""
        return self.loses + TOLERANCE, self.adds + TOLERANCE


@dataclass(frozen=True)
class Measurement:
    """What was measured of one visit, beside the truth: a pair of bounds for each pageview."""

    truths: list[tuple[float, float]]
    measured: list[float]
    allowed: Allowed


def _timed(act: Callable[[], object]) -> tuple[float, float]:
    began = time.monotonic()
    act()
    return began, time.monotonic()


@dataclass
class Seen:
    """A pageview, folded from its facts in whatever order they came."""

    facts: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def first(self) -> dict[str, Any]:
        """Its fact with the least `seq`, which says all that does not change."""
        return self.facts[min(self.facts)]

    def is_complete(self) -> None:
        """Assert that each of its facts makes a whole row."""
        for fact in self.facts.values():
            assert fact["view"], fact
            assert fact["identity"]["path"].startswith("/"), fact
            assert UUID(fact["session_id"]).version == 7, fact
            assert UUID(fact["pageview_id"]).version == 7, fact
            assert fact["session_id"] == self.first["session_id"], fact
            assert fact["previous_pageview_id"] == self.first["previous_pageview_id"], fact

    @property
    def seconds(self) -> float:
        """For how long it was visible."""
        return float(max(fact["engagement_ms"] for fact in self.facts.values())) / 1000

    @property
    def states(self) -> list[tuple[str, float]]:
        """Visibility and seconds, fact by fact."""
        return [
            (fact["visibility"], fact["engagement_ms"] / 1000)
            for _, fact in sorted(self.facts.items())
        ]

    def __repr__(self) -> str:
        return f"{self.first['identity'].get('path')} {self.seconds:.2f} s {self.states}"


@dataclass
class Faults:
    """What goes wrong between the browser and the collector.

    Attributes:
        lose: how many requests with facts get no answer and never arrive, from now on.
        double: each request arrives twice.
        slow: seconds that the answer to a request with facts takes longer.
        reorder: of each two requests the second arrives first, if it comes within `HELD` seconds.
        status: what is answered in the collector's place.
    """

    lose: int = 0
    double: bool = False
    slow: float = 0
    reorder: bool = False
    status: int | None = None
    overtaken: int = 0
    """How many requests arrived after a later one, since `begin`."""
    requests: list[tuple[float, int]] = field(default_factory=list)
    """When each request with facts came, and how many facts it held."""


HELD = 3.0
"""Seconds for which a request that is to arrive later waits for another one."""


class Visits:
    """A running site with Dwell, and the facts it got.

    Attributes:
        network: between the browser and the site.
        measured: gets what `are` compares with the truth, right or wrong, and what it returns.
        patience: seconds that it looks on for, after all is as it should be.
    """

    def __init__(
        self, origin: str, dwell: Dwell, log: MemoryLog, faults: Faults, network: Network
    ) -> None:
        self.origin = origin
        self.dwell = dwell
        self.faults = faults
        self.network = network
        self.measured: Callable[[Measurement], object] = lambda measurement: None
        self.patience = 0.0
        self._log = log
        self._known: set[str] = set()
        self.begin()

    def begin(self) -> None:
        """Forget what came until now, and the faults."""
        self._known |= {fact["pageview_id"] for fact in self._all()}
        self.network.away(False)
        self.faults.lose, self.faults.double, self.faults.status = 0, False, None
        self.faults.slow = 0
        self.faults.reorder, self.faults.overtaken = False, 0
        self.faults.requests.clear()

    def _all(self) -> list[dict[str, Any]]:
        events = [json.loads(record.value) for record in self._log.records()]
        return [event["data"] | {"type": event["type"]} for event in events]

    def facts(self) -> list[dict[str, Any]]:
        """The facts since `begin`, as they came."""
        return [fact for fact in self._all() if fact["pageview_id"] not in self._known]

    def pageviews(self) -> list[Seen]:
        """The pageviews since `begin`, in the order in which they began."""
        seen: dict[str, Seen] = {}
        for fact in self.facts():
            kept = seen.setdefault(fact["pageview_id"], Seen()).facts
            kept[fact["seq"]] = max(
                kept.get(fact["seq"], fact), fact, key=lambda one: one["engagement_ms"]
            )
        return sorted(seen.values(), key=lambda one: str(one.first["pageview_id"]))

    def are(
        self, *truths: Truth, within: float = 5, loses: float = 0, adds: float = 0
    ) -> list[Seen]:
        """Wait until the pageviews are these, and assert it; returns them.

        A fault may lose or add seconds, beyond the tolerance. Where it may, what comes late makes
        a difference, and is waited for.
        """
        allowed = Allowed(loses, adds)

        def right() -> bool:
            seen = self.pageviews()
            return len(seen) == len(truths) and all(
                truth.agrees_with(one.seconds, allowed)
                for truth, one in zip(truths, seen, strict=True)
            )

        try:
            wait_until(right, within)
            time.sleep(max(self.patience, LATE if loses or adds else 0))
            if not right():
                raise TimeoutError
        except TimeoutError:
            raise AssertionError(
                f"the truth is {truths}, the facts say {self.pageviews()}"
            ) from None
        finally:
            bounds = [(truth.least, truth.most) for truth in truths]
            seen = [one.seconds for one in self.pageviews()]
            self.measured(Measurement(bounds, seen, allowed))
        for one in self.pageviews():
            one.is_complete()
        return self.pageviews()


LATE = 1.2
"""Seconds in which the last facts of a visit arrive that ended badly: a browser takes its time."""

PAGE = """<!doctype html><html lang="en" data-dwell-view="{view}"><head><meta charset="utf-8">
<title>{title}</title><link rel="icon" href="data:,">{script}</head>
<body><p>{title}</p>{body}</body></html>"""


class _Stage:
    """The site, with test pages beside it and faults in front of its collector."""

    def __init__(self, site: ASGIApp, dwell: Dwell, faults: Faults) -> None:
        self._site = site
        self._dwell = dwell
        self._faults = faults
        self._count = itertools.count()  # a late script is late again, although it is cached
        self._held: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/test/"):
            await self._page(path, scope, send)
        elif path == "/dwell/facts" and scope["method"] == "POST":
            await self._facts(scope, receive, send)
        else:
            if path.startswith("/dwell/beacon"):
                late = parse_qs(scope["query_string"].decode()).get("late", ["0"])[0]
                await asyncio.sleep(float(late))
            await self._site(scope, receive, send)

    async def _page(self, path: str, scope: Scope, send: Send) -> None:
        query = {
            name: values[0]
            for name, values in parse_qs(
                scope["query_string"].decode(), keep_blank_values=True
            ).items()
        }
        late = f"?late={query['late']}&{next(self._count)}" if "late" in query else ""
        script = f'<script src="{query.get("from", "")}/dwell/beacon.js{late}" async></script>'
        name = path.removeprefix("/test/")
        body = PAGE.format(
            view=query.get("view", f"tests.{name}"),
            title=f"Test {name}",
            script=script,
            body=query.get("body", ""),
        ).encode()
        headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _facts(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        faults = self._faults
        faults.requests.append((time.monotonic(), len(json.loads(body)["facts"])))
        if faults.reorder and self._held is None:
            await self._another()
        if faults.lose:
            faults.lose -= 1
            await receive()  # returns when the browser gives up
            return
        if faults.status is not None:
            headers = [(b"content-length", b"0")]
            await send({"type": "http.response.start", "status": faults.status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return

        async def replayed() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(faults.slow)
            await send(message)

        if faults.double:
            await self._site(scope, replayed, _nowhere)
        await self._site(scope, replayed, late)
        if self._held is not None:
            self._held.set()

    async def _another(self) -> None:
        """Wait until another request has been answered, at most for `HELD` seconds."""
        self._held = asyncio.Event()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._held.wait(), HELD)
            self._faults.overtaken += 1
        self._held = None


async def _nowhere(message: Message) -> None:
    """An answer that is lost."""


@contextmanager
def visited(data: Path, **settings: Any) -> Iterator[Visits]:
    """The demo site with Dwell on a free port for the time of a `with`; its log is in memory."""
    log = MemoryLog()
    given = Settings(data=data, **settings)
    dwell = Dwell(given, log.writer())
    faults = Faults()
    stage = _Stage(create_app(given, dwell), dwell, faults)
    with serving(stage) as origin, network_to(origin) as (network, through):
        yield Visits(through, dwell, log, faults, network)
