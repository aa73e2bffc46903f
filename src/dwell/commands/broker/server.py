"""A broker: Apache Kafka in one process, started, stopped, killed, paused."""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

from dwell.commands.broker.metadata import ask
from dwell.commands.broker.ports import quiet_port
from dwell.commands.broker.properties import Node, properties, written
from dwell.commands.broker.release import Release
from dwell.errors import DwellError

TETHER = Path(__file__).with_name("tether.py")
QUICK = ("-XX:TieredStopAtLevel=1", "-Xms64m", "-Xmx256m")
"""Starts soonest: Java compiles quickly and never again better."""
STEADY = ("-Xms128m", "-Xmx512m")
"""Starts a little later and works faster once it has run for a while."""
ERROR = re.compile(r" ERROR \S+ - (.*)(?:\n[\w.$]+\.\w+(?:Exception|Error): (.*))?")
"""The first error in what a broker writes, and the message of the exception that comes with it."""
NOTHING: Mapping[str, str] = MappingProxyType({})


class Broker:
    """One node. Data and ports stay the same from one start to the next.

    It ends with this process, however this one ends.

    Args:
        folder: for its data, its log `kafka.out` and its `server.properties`.
        port: for clients; 0 is one that is free.
        more: properties that win over the usual ones.
        flags: for Java.
        inherited: descriptors that the broker keeps open.
        node: which of the nodes it is; by default it is alone.
        cluster: the id, for data that are new.
    """

    def __init__(
        self,
        release: Release,
        folder: Path,
        port: int = 0,
        *,
        more: Mapping[str, str] = NOTHING,
        flags: Sequence[str] = QUICK,
        inherited: Sequence[int] = (),
        node: Node | None = None,
        nodes: Sequence[Node] = (),
        cluster: str = "",
    ) -> None:
        self.node = node or Node(0, port or quiet_port(), quiet_port())
        self.address = self.node.address
        self.folder = folder.resolve()
        self.output = self.folder / "kafka.out"
        self._release = release
        self._nodes = tuple(nodes) or (self.node,)
        self._more = more
        self._flags = flags
        self._inherited = inherited
        self._cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The number of Java's process."""
        assert self._process is not None, "the broker does not run"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs; one that is paused does."""
        return self._process is not None and self._process.poll() is None

    def start(self, within: float = 60) -> None:
        """Start it, on the data that are there, and wait until it answers.

        Raises:
            DwellError: it ended, or did not answer in time; it does not run then.
        """
        self.launch()
        try:
            self.wait_until_up(1, within)
        except BaseException:
            self.kill()
            raise

    def launch(self) -> None:
        """Start it and do not wait."""
        assert not self.alive, "the broker runs already"
        self._format()
        file = self.folder / "server.properties"
        told = properties(self.node, self._nodes, str(self._logs), self._more)
        file.write_text(written(told))
        java = self._release.command("kafka.Kafka", str(file), flags=self._flags)
        with self.output.open("ab") as output:
            self._said_before = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(TETHER), *java],
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=self._inherited,
                start_new_session=True,  # Ctrl-C in the terminal is for us alone
            )

    def wait_until_up(self, brokers: int, within: float = 60) -> None:
        """Wait until it answers and knows of so many brokers that are up, itself among them.

        Raises:
            DwellError: it ended, or it did not in time.
        """
        deadline = time.monotonic() + within
        while not self._knows(brokers):
            if not self.alive:
                raise DwellError(f"the broker ended by itself: {self.last_word()}")
            if time.monotonic() > deadline:
                raise DwellError(
                    f"the broker did not answer on {self.address} within {within:g} s:"
                    f" {self.last_word()}"
                )
            time.sleep(0.02)

    def stop(self, within: float = 10) -> None:
        """End it in order; one that takes longer, or is interrupted here, is killed."""
        try:
            if self.alive:
                self.send(signal.SIGTERM)
                self.send(signal.SIGCONT)  # one that is paused has to hear of it
                with suppress(subprocess.TimeoutExpired):
                    self.wait(within)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut of its own would: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self.wait()
            self._process = None

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing once this has returned.

        The signal is sent in no time, but the threads stop one after another, and one of them may
        still answer meanwhile.
        """
        self.send(signal.SIGSTOP)
        assert self._process is not None
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT."""
        self.send(signal.SIGCONT)

    def send(self, how: signal.Signals) -> None:
        """A signal to Java."""
        assert self._process is not None, "the broker does not run"
        self._process.send_signal(how)

    def wait(self, within: float | None = None) -> None:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: it had not within so many seconds.
        """
        assert self._process is not None, "the broker does not run"
        assert self._process.stdin is not None
        self._process.wait(within)
        self._process.stdin.close()  # lets the tether go

    def last_word(self) -> str:
        """The first error that it has reported since the last start, and where to read on."""
        with self.output.open("rb") as output:
            output.seek(self._said_before)
            said = output.read().decode(errors="replace").strip()
        error = ERROR.search(said)
        line = (error[2] or error[1]) if error else (said.splitlines() or ["it said nothing"])[-1]
        return f"{line} (more in {self.output})"

    @property
    def _logs(self) -> Path:
        return self.folder / "logs"

    def _knows(self, brokers: int) -> bool:
        try:
            up = ask(self.address).brokers
        except OSError:
            return False
        return self.node.number in up and len(up) >= brokers

    def _format(self) -> None:
        """Make an empty folder of data, as the storage tool does, which takes as long as a start."""
        marked = self._logs / "meta.properties"
        if marked.exists():
            return
        self._logs.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._release.bootstrap, self._logs / self._release.bootstrap.name)
        told = {
            "version": "1",
            "cluster.id": self._cluster or new_id(),
            "node.id": f"{self.node.number}",
            "directory.id": new_id(),
        }
        marked.write_text(written(told))


def new_id() -> str:
    """An id as Kafka mints them: 128 bits in the alphabet of URLs, not beginning with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
