"""`dwell up` under a service manager, and a broker: killed, as a whole or in parts, and started again."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from dwell.commands.broker.server import Broker
from dwell.commands.simulate.truth import FILE_NAME
from tests.support.processes import Seen, descendants
from tests.support.running import Process, environment, free_port, wait_until

CHILDREN = ("site", "dashboard", "project")
ORPHANS_WITHIN = 10.0
BACK_WITHIN = 20.0


@dataclass
class Dwell:
    """`dwell up`, which is killed, as a whole or in parts, and started again by who starts it.

    Attributes:
        log: as `DWELL_LOG` has it.
        broker: of the log, if it is one's own to be killed.
    """

    data: Path
    log: str = "embedded:"
    broker: Broker | None = None
    settings: dict[str, object] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    environ: dict[str, str] = field(init=False)
    up: Process = field(init=False)

    def __post_init__(self) -> None:
        settings: dict[str, object] = {"publish_seconds": 0.5, "log": self.log} | self.settings
        self.environ = environment(self.data, self.port, **settings)
        self.start()

    @property
    def origin(self) -> str:
        """Of the site."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def visited(self) -> bool:
        """Whether simulated visitors were told of any fact that it is kept."""
        truth = self.data / FILE_NAME
        return truth.exists() and b'{"settled"' in truth.read_bytes()

    def start(self) -> None:
        """Start it; its children come by themselves."""
        self.up = Process("up", environ=self.environ, output=self.data / "up.out")

    def children(self) -> dict[str, Seen]:
        """Those that run now, by what they run."""
        assert self.up.alive, self.up.printed()
        running = descendants(self.up.pid)
        return {name: each for name in CHILDREN for each in running if each.runs(name)}

    def chosen(self, rng: Random) -> str:
        """One of those that run; a child that was killed too often waits to be started again."""
        victims = [*self.children(), "up"]
        if self.broker and self.broker.alive:
            victims.append("broker")
        return rng.choice(victims)

    def kill(self, victim: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End one process, which runs now or will in a moment. A broker stays away until it is started;
        a child is started again by `dwell up`, and that is started here."""
        if victim == "up":
            self.kill_itself()
        elif victim == "broker":
            assert self.broker is not None
            self.broker.kill()
        else:
            wait_until(lambda: victim in self.children(), BACK_WITHIN)
            os.kill(self.children()[victim].pid, how)

    def kill_itself(self) -> None:
        """Its children end by themselves, and the next start finds nothing in its way."""
        children = descendants(self.up.pid)
        self.up.kill()
        wait_until(lambda: not any(each.alive for each in children), ORPHANS_WITHIN)
        self.start()
