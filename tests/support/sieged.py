"""A site in a process of its own, on the embedded log, that is sent what nobody should send."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dwell.events.opening import open_reader
from dwell.settings import Settings
from tests.support.running import Process, environment, free_port


@dataclass
class Sieged:
    """A running site."""

    port: int
    data: Path
    process: Process

    def memory(self) -> int:
        """Bytes of memory that the process has."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """The most that it had."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        [line] = [each for each in lines if each.startswith(name)]
        return int(line.split()[1]) * 1024

    def said(self) -> str:
        """What it printed; fails if it is gone."""
        assert self.process.alive, self.process.printed()
        return self.process.printed()

    def kept(self) -> set[str]:
        """The pageviews of which the log has a fact."""
        return asyncio.run(self._kept())

    async def _kept(self) -> set[str]:
        reader = open_reader(Settings(data=self.data))
        end = await reader.end(0)
        await reader.assign({0: 0})
        found: set[str] = set()
        read = 0
        while read < end:
            for batch in await reader.read(20_000, 0.2):
                found.update(json.loads(value)["subject"] for value in batch.values)
                read = max(read, batch.offsets[-1] + 1)
        await reader.close()
        return found


@contextmanager
def sieged(folder: Path) -> Iterator[Sieged]:
    """A site that trusts this machine as a proxy and limits nobody, for the time of a `with`."""
    port = free_port()
    environ = environment(folder, port, trusted_proxies="127.0.0.1", rate_limit=0)
    process = Process("site", environ=environ, output=folder / "site.out")
    try:
        process.wait_for(f"http://127.0.0.1:{port}/dwell/health/live")
        yield Sieged(port, folder, process)
    finally:
        process.stop()
