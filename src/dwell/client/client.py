"""The client: facts in batches, each sent until it is settled."""

import json
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import SSLContext
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from .errors import ClientError, FactError, FactsRefused, NotAdmitted, Unreachable
from .pageviews import Pageview

MOST_FACTS = 100
"""Of one request."""
MOST_BYTES = 60_000
"""Of one request; the collector takes 65,536."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries, unless the collector asks for more."""
TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class _Fact(NamedTuple):
    """A fact, and the index of the pageview that it is of."""

    of: int
    said: dict[str, Any]
    body: bytes


class Client:
    """Sends pageviews to a collector, over one connection. It is for one thread at a time; from a
    coroutine, call `await asyncio.to_thread(client.send, pageviews)`.

        with Client("https://shop.example/dwell", key) as client:
            client.send(pageviews)
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: float = 120.0,
        timeout: float = 30.0,
        context: SSLContext | None = None,
    ) -> None:
        """
        Args:
            url: where the collector is, with its prefix.
            key: as `dwell key new` made it; what a file has around it does not count.
            patience: seconds for which a request is tried again that was not answered well.
            timeout: seconds for which one answer is waited for.
            context: what certificates are checked by; by default the system's.

        Raises:
            ValueError: the address is none, or the key; a key is never told.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url is {url!r}: expected one such as https://shop.example/dwell")
        if "@" in parts.netloc:
            raise ValueError(
                f"url has a user or a password before {parts.hostname}: expected none, for the key says"
                " who asks"
            )
        self._path = f"{parts.path.rstrip('/')}/server/facts"
        self._url = f"{parts.scheme}://{parts.netloc}{self._path}"
        self._headers = {
            "Authorization": f"Bearer {_plain(key)}",
            "Content-Type": "application/json",
        }
        self._patience = patience
        self._connection: HTTPConnection = (
            HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
            if parts.scheme == "https"
            else HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def send(self, pageviews: Iterable[Pageview]) -> int:
        """Send pageviews, as many as there are, and return when they are durable; how many facts it was.

        What is sent again counts once. The pageviews may be a generator: few are held at a time.

        Raises:
            FactsRefused: some facts are wrong, or one is too large for any request; what came before
                their request is kept.
            NotAdmitted: the collector does not know the key.
            Unreachable: it was not to be reached for so long as the client is patient.
        """
        sent = 0
        for batch in _batches(_facts(pageviews)):
            self._settle(batch)
            sent += len(batch)
        return sent

    def _settle(self, batch: list[_Fact]) -> None:
        body = b'{"facts":[%b]}' % b",".join(fact.body for fact in batch)
        deadline = time.monotonic() + self._patience
        pause = FIRST_PAUSE / 2
        while True:
            status, said, wait = self._ask(body)
            if status == 204:
                return
            if status not in (0, *TRY_AGAIN):
                raise _refusal(status, said, batch, self._url)
            pause = min(2 * pause, LONGEST_PAUSE)
            wait = max(wait, pause)
            if time.monotonic() + wait > deadline:
                raise Unreachable(f"{self._url} did not keep facts: {_shown(status, said)}")
            time.sleep(wait)

    def _ask(self, body: bytes) -> tuple[int, bytes, float]:
        """Status, body and `Retry-After` of an answer; status 0 and the error if there is none."""
        try:
            self._connection.request("POST", self._path, body, self._headers)
            with self._connection.getresponse() as answer:
                wait = answer.headers.get("Retry-After", "")
                return answer.status, answer.read(), float(wait) if wait.isdigit() else 0.0
        except (OSError, HTTPException) as error:
            self._connection.close()
            return 0, (str(error) or type(error).__name__).encode(), 0.0


def _plain(key: str) -> str:
    """The key, which a header can carry; whatever else it is would be told by who sends it."""
    key = key.strip()
    if not key.isascii() or not key.isprintable() or not key or " " in key:
        raise ValueError(
            f"key has {len(key)} characters, not all of them such as a key has: expected what "
            "`dwell key new` printed"
        )
    return key


def _facts(pageviews: Iterable[Pageview]) -> Iterator[_Fact]:
    for index, pageview in enumerate(pageviews):
        for said in pageview.facts():
            yield _Fact(index, said, json.dumps(said, separators=(",", ":")).encode())


def _batches(facts: Iterable[_Fact]) -> Iterator[list[_Fact]]:
    batch: list[_Fact] = []
    size = 0
    for fact in facts:
        if len(fact.body) > MOST_BYTES:
            if batch:
                yield batch
            raise FactsRefused([_too_large(fact)])
        if batch and (len(batch) == MOST_FACTS or size + len(fact.body) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(fact)
        size += len(fact.body) + 1
    if batch:
        yield batch


def _too_large(fact: _Fact) -> FactError:
    field = max(fact.said, key=lambda name: len(json.dumps(fact.said[name])))
    detail = (
        f"{field} makes a fact of {len(fact.body):,} bytes: expected one that fits into a request, of "
        f"{MOST_BYTES:,} bytes at most"
    )
    return FactError(fact.of, field, fact.said[field], detail, fact.said)


def _refusal(status: int, said: bytes, batch: list[_Fact], url: str) -> ClientError:
    if status in (401, 403):
        return NotAdmitted(f"{url} does not let this key in: {_shown(status, said)}")
    if status == 404:
        return NotAdmitted(f"{url} is not there: has the collector a key in DWELL_API_KEYS?")
    errors = [_error(each, batch) for each in _document(said).get("errors", ())]
    named = [error for error in errors if error is not None]
    if status == 400 and named:
        return FactsRefused(named)
    return ClientError(f"{url} refused facts: {_shown(status, said)}")


def _error(told: dict[str, str], batch: list[_Fact]) -> FactError | None:
    """What a problem document says of one fact: its pointer is `/facts/3/engagement_ms`."""
    _, _, place = told["pointer"].partition("/facts/")
    position, _, escaped = place.partition("/")
    if not position.isdigit():
        return None
    name = escaped.replace("~1", "/").replace("~0", "~")
    fact = batch[int(position)]
    value = fact.said.get(name) if name else fact.said
    return FactError(fact.of, name, value, told["detail"], fact.said)


def _document(said: bytes) -> dict[str, Any]:
    try:
        document = json.loads(said)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _shown(status: int, said: bytes) -> str:
    detail = _document(said).get("detail") or said[:200].decode("utf-8", "replace")
    return f"{status} {detail}" if status else f"{detail}"
