"""What a node of a cluster is told in its `server.properties`."""

from collections.abc import Mapping
from dataclasses import dataclass

from dwell.commands.broker.ports import HOST


@dataclass(frozen=True)
class Node:
    """A node of a cluster: broker and controller in one, on the loopback address.

    Attributes:
        port: for clients.
        controller_port: for the other nodes.
    """

    number: int
    port: int
    controller_port: int

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"{HOST}:{self.port}"


def properties(
    node: Node, nodes: tuple[Node, ...], logs: str, more: Mapping[str, str]
) -> dict[str, str]:
    """The properties of one node of these; `more` wins.

    A client that relies on topics that make themselves is to be noticed, so they do not. Internal
    topics get one partition in the place of 50, which would take a second to make. A node that is
    alone is missed after 1.5 s and not after 9: so long a killed one waits when it starts again,
    until its earlier self counts as gone. Heartbeats and a controller's records of nothing to tell
    are what a broker without clients spends its time with: at 100 and 500 ms, twice as much of it.
    """
    replicas = min(3, len(nodes))
    in_sync = max(1, replicas - 1)
    voters = ",".join(f"{each.number}@{HOST}:{each.controller_port}" for each in nodes)
    return {
        "process.roles": "broker,controller",
        "node.id": f"{node.number}",
        "controller.quorum.voters": voters,
        "listeners": f"CLIENTS://{node.address},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"CLIENTS://{node.address}",
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": logs,
        "broker.heartbeat.interval.ms": "250",
        "broker.session.timeout.ms": "1500" if len(nodes) == 1 else "9000",
        "auto.create.topics.enable": "false",
        "default.replication.factor": f"{replicas}",
        "min.insync.replicas": f"{in_sync}",
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": f"{replicas}",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": f"{replicas}",
        "transaction.state.log.min.isr": f"{in_sync}",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": f"{replicas}",
        "share.coordinator.state.topic.min.isr": f"{in_sync}",
        "group.initial.rebalance.delay.ms": "0",
        "metadata.max.idle.interval.ms": "5000",
        "log.cleaner.dedupe.buffer.size": f"{8 * 2**20}",  # of 128 MiB, more than the heap has
    } | dict(more)


def written(properties: Mapping[str, str]) -> str:
    """As Java reads a file of properties."""
    lines = (f"{name}={value.replace(chr(92), chr(92) * 2)}" for name, value in properties.items())
    return "\n".join(lines) + "\n"
