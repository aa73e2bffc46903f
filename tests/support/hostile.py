"""Hostile requests, as bytes: from a corpus, from Hypothesis, from the corpus with bytes changed.

And whoever sends them to a running site: many connections at once, a good fact now and then.
"""

import asyncio
import gzip
import json
import random
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import brotli
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from tests.support.collecting import distinct, fact

T = TypeVar("T")

Framing = Callable[[bytes], tuple[bytes, bytes]]

CORPUS = Path(__file__).parents[1] / "site" / "corpus"
AT_ONCE = 64
"""Connections."""
GOOD_EVERY = 25
"""Of so many hostile requests one is followed by a good fact."""
SILENCE = 0.15
"""Seconds after which nothing more is expected on a connection whose request may be half."""
SHORT, LONG = b"/dwell/facts", b"/dwell/facts?by=asgi"
"""The same endpoint by either way of the collector."""
INTENDED = (503,)
"""Of those from 500 on."""
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")


def corpus() -> dict[str, bytes]:
    """The requests that are kept, by name: what was found once, and what every collector is sent.

    In a file, the first line is a comment, `\\r\\n` is a line's end of HTTP and `\\xff` any byte;
    ends of lines of the file itself mean nothing.
    """
    return {file.stem: _read(file) for file in sorted(CORPUS.glob("*.http"))}


def _read(file: Path) -> bytes:
    _, _, text = file.read_text("ascii").partition("\n")
    return text.replace("\n", "").encode().decode("unicode_escape").encode("latin-1")


# Bodies.

GOOD = json.dumps({"facts": [fact()]}).encode()
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\x00", "\ud800", "visible", "page.viewed", "x" * 3000, 10**400, -0.0])
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
_broken = st.builds(
    lambda name, value: fact() | {name: value}, st.sampled_from(list(fact())), _values
)
_facts = st.lists(_broken | _values, max_size=4).map(
    lambda each: json.dumps({"facts": each}).encode()
)
_odd = st.sampled_from(
    [
        b"[" * 60_000,
        b'{"facts":' * 5_000,
        b'{"facts":[' + b"[" * 200 + b"]" * 200 + b"]}",
        b'{"facts": ' + b"9" * 60_000 + b"}",
        b'{"facts": [1e999, -1e-999, NaN, Infinity]}',
        b'{"facts": [], "facts": ' + GOOD[10:],
        GOOD.replace(b'"seq"', b'"seq": 5, "seq"'),
        GOOD.replace(b"Page A", b"\xff\xfe\xc0\x80"),
        GOOD.replace(b"Page A", b"\\ud800\\u0000"),
        GOOD.replace(b"Page A", b"\xed\xa0\x80"),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD.decode().encode("utf-32"),
        gzip.compress(GOOD),
        zlib.compress(b"0" * 10_000_000),
        brotli.compress(b"0" * 10_000_000, quality=1),
        b"",
        b" " * 65_536,
        b" " * 65_537,
        b"\x00" * 100,
        b"{" + GOOD,
        GOOD + b"\x00",
        GOOD * 2,
    ]
)
bodies = (
    _facts | _odd | st.binary(max_size=60) | _values.map(lambda each: json.dumps(each).encode())
)

# Heads.

_text = st.binary(max_size=30).map(lambda value: value.translate(None, b"\r\n\x00"))
_NAMES = (
    *("Cookie", "User-Agent", "Origin", "Sec-Fetch-Site", "DNT", "Sec-GPC", "Content-Type"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Content-Encoding", "Expect"),
    *("Connection", "Upgrade", "Host", "Accept-Encoding", "Transfer-Encoding", "If-None-Match"),
)
_names = st.sampled_from([name.encode() for name in _NAMES])
_lines = st.builds(lambda name, value: name + b": " + value, _names, _text)
_odd_lines = st.sampled_from(
    [
        b"Content-Length: 5",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 0x10",
        b"Content-Length: +10",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: xchunked",
        b"Content-Encoding: gzip",
        b"Content-Type: text/plain; charset=utf-16",
        b"Cookie: " + b"dwell_visitor=x; " * 500,
        b"X-Forwarded-For: " + b"1.2.3.4, " * 500,
        b"X-Forwarded-For: [::1",
        b"X-Forwarded-Proto: https\x7f",
        b"User-Agent: \xff\xfe\x80",
        b"User-Agent: \x1b[31m\x07",
        b" folded: value",
        b"No colon",
        b"Space : value",
        b": empty",
        b"Expect: 100-continue",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b"Connection: keep-alive, close, keep-alive",
        b"X-Long: " + b"x" * 20_000,
    ]
)
_good_type = st.just(b"Content-Type: text/plain")
_ODD_TARGETS = (
    *(b"/dwell/facts/", b"/dwell//facts", b"/dwell/%66acts", b"/dwell/facts%00", b"/dwell/facts#x"),
    *(
        b"http://x.example/dwell/facts",
        b"*",
        b"//x.example",
        b"/dwell/../dwell/facts",
        b"/\xff\xfe",
    ),
    *(
        b"/dwell/visitor",
        b"/dwell/beacon.js",
        b"/dwell/health/ready",
        b"/dwell/",
        b"",
        b"/%0d%0aX:x",
    ),
    *(b"/" + b"a" * 9_000, b"/page_c?" + b"q" * 9_000, b"/dwell/beacon.%2e%2e.js"),
)
_targets = st.sampled_from([SHORT] * 8 + [LONG] * 4) | st.sampled_from(_ODD_TARGETS)
_methods = st.sampled_from(
    [b"POST"] * 12 + [b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PUT", b"TRACE"]
) | (st.sampled_from([b"CONNECT", b"post", b"P\x00ST", b"PRI", b"BREW", b""]))
_versions = st.sampled_from(
    [b"HTTP/1.1"] * 12 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/", b""]
)


def _chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


_framings = st.sampled_from(
    [lambda body: (b"Content-Length: %d" % len(body), body)] * 8
    + [
        lambda body: (b"Transfer-Encoding: chunked", _chunked(body, 4_000)),
        lambda body: (b"Transfer-Encoding: chunked", _chunked(body[:60], 1)),
        lambda body: (b"Transfer-Encoding: chunked", b"5;x=y\r\nab"),
        lambda body: (b"Transfer-Encoding: chunked", b"ffffffffffffffffff\r\n" + body[:50]),
        lambda body: (b"Transfer-Encoding: chunked", b"-1\r\n" + body[:50]),
        lambda body: (b"Transfer-Encoding: chunked", b"0\r\nTrailer: \x01\r\n\r\n"),
        lambda body: (b"Content-Length: %d" % (len(body) + 9), body),
        lambda body: (b"Content-Length: %d" % max(len(body) - 9, 0), body),
        lambda body: (b"Content-Length: 0", body),
        lambda body: (b"X-No: length", body),
    ]
)


def _request(
    method: bytes, target: bytes, version: bytes, lines: list[bytes], framing: Framing, body: bytes
) -> bytes:
    length, framed = framing(body)
    head = [b" ".join((method, target, version)), b"Host: 127.0.0.1", *lines, length]
    return b"\r\n".join(head) + b"\r\n\r\n" + framed


plain_requests = st.builds(
    lambda lines, body: (lines, body),
    st.lists(_lines | _odd_lines, max_size=2).map(
        lambda lines: [line for line in lines if not _frames(line)]
    ),
    bodies,
)
"""Head lines and a body that any server can take apart: of these both ways must say the same."""
requests = st.builds(
    _request,
    _methods,
    _targets,
    _versions,
    st.builds(
        lambda first, more: [first, *more], _good_type, st.lists(_lines | _odd_lines, max_size=3)
    ),
    _framings,
    bodies,
)
connections = st.lists(requests, min_size=1, max_size=3).map(b"".join) | st.binary(max_size=200)
"""What comes on one connection: a request, some at once, or noise."""


def _frames(line: bytes) -> bool:
    """Whether a line says how long the body is, or makes no head at all."""
    name = line.partition(b":")[0].lower()
    framing = (
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"connection",
        b"upgrade",
        b"host",
    )
    return name in framing or b" " in name or not name or line.isalpha()


def made(strategy: st.SearchStrategy[T], number: int, seeded: int) -> list[T]:
    """So many examples of a strategy, the same for the same seed."""
    found: list[T] = []

    @seed(seeded)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    return found[:number]


def mutated(whole: Sequence[bytes], number: int, seeded: int) -> Iterator[bytes]:
    """So many of the corpus with bytes changed, doubled, cut out, or put together from two of them."""
    chance = random.Random(seeded)
    for _ in range(number):
        one = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 4)):
            at, length = chance.randrange(len(one) + 1), chance.randint(1, 16)
            match chance.randrange(4):
                case 0:
                    one[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    one[at:at] = one[at : at + length] * chance.randint(1, 30)
                case 2:
                    del one[at : at + length]
                case _:
                    other = chance.choice(whole)
                    one[at:] = other[chance.randrange(len(other)) :]
        yield bytes(one)


@dataclass
class Attack:
    """What came of it.

    Attributes:
        sent: hostile requests, a connection each.
        statuses: how often each was answered; 0 stands for none.
        wrong: what was sent where something was answered that must not be.
        kept: the pageviews of good facts that were answered 204.
        refused: how often a good fact was answered otherwise.
    """

    port: int
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[tuple[bytes, bytes]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    refused: Counter[bytes] = field(default_factory=Counter)

    def go(self, attempts: Iterable[bytes]) -> None:
        """Send each on a connection of its own, many at once, and good facts among them."""
        asyncio.run(self._go(attempts))

    def compare(
        self, plain: Iterable[tuple[list[bytes], bytes]]
    ) -> list[tuple[bytes, bytes, bytes]]:
        """Send each request by both ways of the collector; returns those that they answer differently."""
        return asyncio.run(self._compare(plain))

    async def _go(self, attempts: Iterable[bytes]) -> None:
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for attempt in attempts:
                await free.acquire()
                group.create_task(self._try(attempt)).add_done_callback(lambda _: free.release())
                self.sent += 1
                if self.sent % GOOD_EVERY == 0:
                    await self._tell()

    async def _try(self, attempt: bytes) -> None:
        answer = await self._exchange(attempt, SILENCE)
        statuses = [int(each) for each in _STATUS.findall(answer)] or [0]
        self.statuses.update(statuses)
        if any(status >= 500 and status not in INTENDED for status in statuses):
            self.wrong.append((attempt, answer))

    async def _tell(self) -> None:
        one = distinct(1_000_000 + len(self.kept))
        lines = [b"Content-Type: text/plain", b"Connection: close"]
        answer = await self._exchange(
            whole(SHORT, lines, json.dumps({"facts": [one]}).encode()), 20
        )
        if answer.startswith(b"HTTP/1.1 204 "):
            self.kept.append(one["pageview_id"])
        else:
            self.refused[answer[:15]] += 1

    async def _compare(
        self, plain: Iterable[tuple[list[bytes], bytes]]
    ) -> list[tuple[bytes, bytes, bytes]]:
        differ = []
        for lines, body in plain:
            head = [b"Content-Type: text/plain", *lines, b"Connection: close"]
            short, long = [
                re.sub(rb"date: [^\r]+\r\n", b"", await self._exchange(whole(path, head, body), 20))
                for path in (SHORT, LONG)
            ]
            self.sent += 2
            self.statuses.update(int(each) for each in _STATUS.findall(short + long))
            if short != long or b" 500 " in short[:15]:
                differ.append((whole(SHORT, head, body), short, long))
        return differ

    async def _exchange(self, sent: bytes, silence: float) -> bytes:
        """What is answered until the connection ends, or nothing came for so many seconds."""
        answer = b""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return answer
        try:
            writer.write(sent)
            while piece := await asyncio.wait_for(reader.read(65_536), silence):
                answer += piece
        except (OSError, TimeoutError):
            pass
        finally:
            writer.transport.abort()
        return answer


def whole(path: bytes, lines: list[bytes], body: bytes) -> bytes:
    """A request whose length is said as it is."""
    return _request(
        b"POST",
        path,
        b"HTTP/1.1",
        lines,
        lambda each: (b"Content-Length: %d" % len(each), each),
        body,
    )


BLOCK = 500
"""Examples that Hypothesis makes at a time: more take more memory, and longer each."""


def siege(attack: Attack, number: int, seeded: int) -> list[tuple[bytes, bytes, bytes]]:
    """So many hostile requests or a few more: the corpus as it stands, a tenth by both ways of the
    collector, a fifth from Hypothesis, the rest the corpus changed. Returns what the ways differ in."""
    before, kept = attack.sent, list(corpus().values())
    attack.go(kept)
    differ = [
        found
        for block, size in _blocks(number // 20)
        for found in attack.compare(made(plain_requests, size, seeded + block))
    ]
    for block, size in _blocks(number // 5):
        attack.go(made(connections, size, seeded + block))
    attack.go(mutated(kept, before + number - attack.sent, seeded))
    return differ


def _blocks(number: int) -> Iterator[tuple[int, int]]:
    for begun in range(0, number, BLOCK):
        yield begun, min(BLOCK, number - begun)


def whole_chunks(body: bytes) -> bytes:
    """A request in chunks, up to its trailers, which are yet to come."""
    plain = [b"Host: x", b"Content-Type: text/plain", b"Transfer-Encoding: chunked"]
    lines = [b"POST /dwell/facts HTTP/1.1", *plain, b"", b""]
    return b"\r\n".join(lines) + b"%x\r\n%b\r\n0\r\n" % (len(body), body)
