"""Three brokers that replicate for each other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from dwell.commands.broker.metadata import Metadata, Partition, ask
from dwell.commands.broker.ports import quiet_port
from dwell.commands.broker.properties import Node
from dwell.commands.broker.release import Release
from dwell.commands.broker.server import NOTHING, QUICK, Broker, new_id
from dwell.errors import DwellError


class Cluster:
    """Three nodes, numbered from 0, each broker and controller; ended with this process.

    Topics get three replicas, of which two must be in sync (`min.insync.replicas`). One node may
    be lost; of two, no controller is left.

    Args:
        folder: for the folders of the nodes.
        more: properties that win over the usual ones, on every node.
        flags: for Java.
    """

    def __init__(
        self,
        release: Release,
        folder: Path,
        *,
        more: Mapping[str, str] = NOTHING,
        flags: Sequence[str] = QUICK,
    ) -> None:
        nodes = tuple(Node(number, quiet_port(), quiet_port()) for number in range(3))
        cluster = new_id()
        self.brokers = tuple(
            Broker(
                release,
                folder / f"node-{node.number}",
                more=more,
                flags=flags,
                node=node,
                nodes=nodes,
                cluster=cluster,
            )
            for node in nodes
        )
        self.addresses = ",".join(node.address for node in nodes)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, within: float = 60) -> None:
        """Start all, and wait until each knows of the others.

        Raises:
            DwellError: one ended, or they did not find each other in time; none runs then.
        """
        try:
            for broker in self.brokers:
                broker.launch()
            for broker in self.brokers:
                broker.wait_until_up(len(self.brokers), within)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill all: in order, each would wait for the one before."""
        for broker in self.brokers:
            broker.kill()

    def kill(self, number: int) -> None:
        """SIGKILL to one node; `brokers[number].start()` brings it back."""
        self.brokers[number].kill()

    def leader(self, topic: str, partition: int = 0) -> int:
        """The number of the node that leads a partition; -1 while none does."""
        return self.partition(topic, partition).leader

    def partition(self, topic: str, number: int = 0) -> Partition:
        """Leader and replicas of a partition, as the first node that answers knows them.

        Raises:
            DwellError: there is no such partition, or no node answers.
        """
        found = self._ask(topic).topics.get(topic, {}).get(number)
        if found is None:
            raise DwellError(f"there is no partition {number} of a topic '{topic}'")
        return found

    def _ask(self, topic: str) -> Metadata:
        for broker in self.brokers:
            if broker.alive:
                try:
                    return ask(broker.address, [topic])
                except OSError:
                    continue
        raise DwellError(f"none of the brokers {self.addresses} answers")
