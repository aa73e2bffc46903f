"""Which publication is shown: the newest, once what is likely to be asked of it is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dwell import memory
from dwell.errors import WarehouseError
from dwell.site.dashboard.asking import Asking
from dwell.site.dashboard.refusals import Cause, Refused
from dwell.warehouse.panels import Board, Publication
from dwell.warehouse.published import Identity, identity_of

LOOK_SECONDS = 60.0
"""Between two looks at the published file while nobody asks; each costs what a new publication does."""
LATE_SECONDS = 2 * LOOK_SECONDS
"""After which without a look nothing is shown that may be old: on a machine that slept, or where the
dashboard is mounted in an application that does not run it."""
PATIENCE_SECONDS = 5.0
"""In which answers are made before a new publication is shown all the same."""
SHARE = 5
"""After that there is a pause of so many times the seconds that it took."""
READY_SECONDS = 2.0
"""In which something is shown, if it can be."""
ALONE_SECONDS = 10.0
"""Who comes after nobody was here for so long is not kept waiting by that pause. An open page looks
twice as often, by its stream."""
NOW_SECONDS = 300.0
"""A period that ends now ends so long ago at most, though nothing is published."""


@dataclass(frozen=True)
class Shown:
    """A publication and since when it is shown: what "now" is in questions about it, with a zone."""

    publication: Publication
    at: datetime


class Newest:
    """Cheap enough to be asked by every request and every second by every stream."""

    def __init__(self, path: Path, board: Board, asking: Asking) -> None:
        self._path = path
        self._board = board
        self._asking = asking
        self._answer: Callable[[Shown], Awaitable[None]] = _nothing
        self._identity: Identity | None = None
        self._shown: Shown | None = None
        self._looked_at = float("-inf")
        self._came_at = float("-inf")
        self._earliest = float("-inf")
        self._is_awaited = False
        self._next: asyncio.Task[None] | None = None

    def is_there(self) -> bool:
        """Whether anything is published, be it readable or not."""
        try:
            self._path.stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    async def unready(self) -> str | None:
        """`None` if something published can be shown now, else why not: a `Cause` of refusals.

        Who asks is nobody who looks: a new publication is not answered ahead for them.
        """
        if not self.is_there():
            return Cause.NOTHING_PUBLISHED
        if self._shown is None:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    await self._look()
            except WarehouseError:
                return Cause.UNREADABLE
            except (Refused, TimeoutError):
                return Cause.BUSY
        return None

    def known(self) -> Shown | None:
        """What is shown, if anything has been yet."""
        return self._shown

    def before_shown(self, answer: Callable[[Shown], Awaitable[None]]) -> None:
        """Have that done with each publication before it is shown."""
        self._answer = answer

    async def shown(self, *, comes: bool = True) -> Shown:
        """The newest publication, or for some seconds the one before it.

        Args:
            comes: False of who was here already, and only goes on looking.

        Raises:
            WarehouseError: nothing is published yet, or the file cannot be read.
            Refused: too many questions wait.
        """
        now = asyncio.get_running_loop().time()
        self._is_awaited |= comes and now - self._came_at > ALONE_SECONDS
        self._came_at = now
        return await self._look()

    def is_behind(self) -> bool:
        """Whether a newer one than what is shown is there, so that another is shown soon."""
        try:
            return self._shown is not None and identity_of(self._path) != self._identity
        except WarehouseError:
            return False

    async def _look(self) -> Shown:
        identity = identity_of(self._path)
        now = asyncio.get_running_loop().time()
        late = now - self._looked_at > LATE_SECONDS
        self._looked_at = now
        if self._shown is None or (late and not self._is_shown(identity)):
            return await self._show(identity)
        is_time = self._is_awaited or now >= self._earliest
        if self._next is None and is_time and not self._is_shown(identity):
            self._is_awaited = False
            self._next = asyncio.create_task(self._prepare(identity))
        return self._shown

    async def keep(self) -> None:
        """Look at times, so that whoever comes after a while need not wait; until it is cancelled."""
        try:
            while True:
                with suppress(WarehouseError, Refused):
                    await self._look()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            if self._next is not None:
                self._next.cancel()

    def _is_shown(self, identity: Identity) -> bool:
        assert self._shown is not None
        age = (datetime.now(UTC) - self._shown.at).total_seconds()
        return identity == self._identity and 0 <= age < NOW_SECONDS

    async def _show(self, identity: Identity) -> Shown:
        """Show it at once; what is likely to be asked is answered meanwhile."""
        shown = self._shown = await self._known(identity)
        self._identity, self._is_awaited = identity, False
        if self._next is None:
            self._next = asyncio.create_task(self._answered(shown))
        return shown

    async def _known(self, identity: Identity) -> Shown:
        question = ("publication", identity)
        publication = await self._asking.run(question, self._board.publication)
        return Shown(publication, datetime.now(UTC))

    async def _prepare(self, identity: Identity) -> None:
        """Show it when it is ready."""
        try:
            shown = await self._known(identity)
            await self._answered(shown)
            self._identity, self._shown = identity, shown
        except Refused:
            pass  # there is a next look
        except WarehouseError:
            self._shown = None  # whoever asks next is told
        finally:
            self._next = None  # it may have failed before it was answered

    async def _answered(self, shown: Shown) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._answer(shown), PATIENCE_SECONDS)
            await asyncio.to_thread(memory.give_back)
        finally:
            self._earliest = clock() + SHARE * (clock() - begun)
            self._next = None


async def _nothing(shown: Shown) -> None:
    pass
