"""The supervisor: starts the parts, starts them again when they die, stops them in order."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dwell import messages
from dwell.commands.up.lines import Lines
from dwell.errors import DwellError, WarehouseDamaged

DWELL = (sys.executable, "-P", "-m", "dwell.cli")
CANNOT = 2
"""Exit status of a part that cannot do its work; its last line says why."""
STEADY_SECONDS = 10.0
"""When a part that ran so long ends, back-off begins anew."""
FIRST_DELAY = 0.25
LONGEST_DELAY = 15.0
"""Seconds between the end of a part and its next start: they double from the first to the longest."""
STOP_SECONDS = 9.0
"""All parts are gone so long after a stop; who is not is killed."""
LONGEST_LINE = 65_536

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Part:
    """One of the processes.

    Attributes:
        argv: what runs.
        colour: of its lines.
        ready: whether it does its work by now. Once it was, the part counts as started.
        needed: whether the others are nothing without it. One that is not, and cannot work, is left
            out.
    """

    name: str
    argv: Sequence[str]
    colour: str
    ready: Callable[[], bool]
    needed: bool = True


class Supervisor:
    """Runs parts until a signal, in the order of starting, which is that of stopping too.

    Args:
        environ: what the parts find in their environment.
        inherited: descriptors that the parts inherit.

    Attributes:
        left_out: names of the parts that are not needed and could not work.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        environ: Mapping[str, str],
        inherited: Iterable[int],
        lines: Lines,
    ) -> None:
        self._parts = parts
        self._environ = dict(environ) | {"PYTHONUNBUFFERED": "1"}
        self._inherited = tuple(inherited)
        self._lines = lines
        self._running: dict[str, Process] = {}
        self._started: set[str] = set()
        self._waiting: set[str] = set()
        """Parts that wait for somebody to mend something, and the others not for them."""
        self.left_out: set[str] = set()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self, on_ready: Callable[[], None]) -> bool:
        """Run until SIGINT, SIGTERM or SIGHUP; a second one kills. Calls `on_ready` once.

        Returns:
            whether there was no second one.

        Raises:
            DwellError: a part cannot work and never could in this run; all are stopped, and the message is its own.
        """
        self._listen()
        kept = {part.name: asyncio.create_task(self._keep(part)) for part in self._parts}
        ready = asyncio.create_task(self._when_ready(on_ready))
        stop = asyncio.create_task(self._stop.wait())
        needed = [kept[part.name] for part in self._parts if part.needed]
        await asyncio.wait([stop, *needed], return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        ready.cancel()
        await self._end(kept)
        for ended in await asyncio.gather(*kept.values(), stop, return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended
        return not self._hurry.is_set()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in STOPS:
            under_nohup = number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN
            if not under_nohup:
                loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _when_ready(self, on_ready: Callable[[], None]) -> None:
        # Another process tells by its effects alone, so it is looked at now and then.
        while not all([self._is_settled(part) for part in self._parts]):  # noqa: ASYNC110, C419
            await asyncio.sleep(0.05)
        on_ready()

    def _is_settled(self, part: Part) -> bool:
        """Whether the part was ready once in this run, or is left out."""
        if part.name not in self._started and part.name in self._running and part.ready():
            self._started.add(part.name)
        return any(part.name in these for these in (self._started, self.left_out, self._waiting))

    async def _keep(self, part: Part) -> None:
        """Start a part, again and again, until the stop."""
        delay = FIRST_DELAY
        while not self._stop.is_set():
            began = time.monotonic()
            ending, last_word = await self._run_once(part)
            if time.monotonic() - began > STEADY_SECONDS:
                delay = FIRST_DELAY
            if self._stop.is_set():
                break
            if ending == WarehouseDamaged.exit_status:
                self._waiting.add(part.name)
            if ending == CANNOT and part.name not in self._started | self._waiting:
                why = last_word or f"`dwell {part.name}` cannot work and does not say why"
                if part.needed:
                    raise DwellError(why)
                self._lines.told(part.name, "red", f"{why}; the others go on without it")
                self.left_out.add(part.name)
                return
            self._lines.told(
                part.name, "red", f"{last_word or _said(ending)}; again in {delay:g} s"
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)
            delay = min(2 * delay, LONGEST_DELAY)

    async def _run_once(self, part: Part) -> tuple[int, str]:
        """Run a part to its end; returns its exit status, and what it said if it cannot work."""
        try:
            process = await asyncio.create_subprocess_exec(
                *part.argv,
                env=self._environ,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                pass_fds=self._inherited,
                start_new_session=True,  # Ctrl-C in the terminal is for us alone
            )
        except OSError as error:
            return 1, f"{part.argv[0]} cannot be started: {error.strerror}"
        self._running[part.name] = process
        if self._stop.is_set():
            _send(process, signal.SIGTERM)
        last_word = await self._relay(part, process)
        ending = await process.wait()
        del self._running[part.name]
        if last_word and ending not in (CANNOT, WarehouseDamaged.exit_status):
            self._lines.told(part.name, part.colour, messages.LAST_WORD + last_word)
            last_word = ""
        return ending, last_word

    async def _relay(self, part: Part, process: Process) -> str:
        """Print what the part prints, but for the line that says why it cannot work: returns that."""
        assert process.stdout is not None
        rest, last_word = b"", ""
        while chunk := await process.stdout.read(LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in (each.decode(errors="replace").rstrip("\r") for each in lines):
                if last_word:
                    self._lines.told(part.name, part.colour, messages.LAST_WORD + last_word)
                    last_word = ""
                if (why := messages.why(line)) is not None:
                    last_word = why
                else:
                    self._lines.told(part.name, part.colour, line)
        if rest:
            self._lines.told(part.name, part.colour, rest.decode(errors="replace"))
        return last_word

    async def _end(self, kept: Mapping[str, "asyncio.Task[None]"]) -> None:
        """Stop the parts one after the other, each within its share of the time that is left."""
        deadline = time.monotonic() + STOP_SECONDS
        hurry = asyncio.create_task(self._hurry.wait())
        for number, part in enumerate(self._parts):
            if process := self._running.get(part.name):
                _send(process, signal.SIGTERM)
            share = (deadline - time.monotonic()) / (len(self._parts) - number)
            await asyncio.wait(
                [kept[part.name], hurry],
                timeout=max(share, 0),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if process := self._running.get(part.name):
                hurried = self._hurry.is_set()
                why = "killed at the second Ctrl-C" if hurried else "killed: it did not end in time"
                self._lines.told(part.name, "red", why)
                _send(process, signal.SIGKILL)
                await asyncio.wait([kept[part.name]], timeout=1)
        hurry.cancel()


def _send(process: Process, number: signal.Signals) -> None:
    """To the part; SIGKILL also to what it has started."""
    with suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _said(ending: int) -> str:
    if ending < 0:
        return f"was ended by {signal.Signals(-ending).name}"
    return f"ended with exit status {ending}"
