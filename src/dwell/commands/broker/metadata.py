"""What a broker tells of its cluster, asked over a plain socket: Kafka's Metadata request, version 5.

https://kafka.apache.org/protocol#The_Messages_Metadata
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

METADATA, VERSION = 3, 5
NO_LEADER = -1


@dataclass(frozen=True)
class Partition:
    """A partition, by the numbers of nodes; `leader` is -1 while there is none."""

    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True)
class Metadata:
    """What one broker knows of the cluster.

    Attributes:
        brokers: `host:port` of those that are up, by the number of the node.
        topics: those that were asked for and exist; their partitions by number.
    """

    cluster: str
    brokers: dict[int, str] = field(default_factory=dict)
    topics: dict[str, dict[int, Partition]] = field(default_factory=dict)


def ask(address: str, topics: Sequence[str] = (), within: float = 2.0) -> Metadata:
    """Ask the broker at `host:port`; no topic is made by asking.

    Raises:
        OSError: nobody answered in time.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=within) as connection:
        body = struct.pack(">hhi", METADATA, VERSION, 0) + _text("dwell")
        body += struct.pack(">i", len(topics)) + b"".join(map(_text, topics)) + b"\0"
        connection.sendall(struct.pack(">i", len(body)) + body)
        (length,) = struct.unpack(">i", _receive(connection, 4))
        return _read(Answer(_receive(connection, length)))


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value.encode())) + value.encode()


def _receive(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        more = connection.recv(length - len(received))
        if not more:
            raise ConnectionResetError("the broker closed the connection")
        received += more
    return received


class Answer:
    """The bytes of an answer, read from the front."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, form: str) -> int:
        """The next number, in one of struct's forms."""
        (value,) = struct.unpack_from(f">{form}", self._content, self._at)
        self._at += struct.calcsize(f">{form}")
        return int(value)

    def text(self) -> str:
        """The next text; none is empty."""
        length = max(self.number("h"), 0)
        self._at += length
        return self._content[self._at - length : self._at].decode()

    def numbers(self) -> tuple[int, ...]:
        """The next list of numbers."""
        return tuple(self.number("i") for _ in range(self.number("i")))


def _read(answer: Answer) -> Metadata:
    answer.number("i")  # the number of the request
    answer.number("i")  # time to hold back
    brokers = {}
    for _ in range(answer.number("i")):
        node, host, port = answer.number("i"), answer.text(), answer.number("i")
        answer.text()  # the rack
        brokers[node] = f"{host}:{port}"
    cluster = answer.text()
    answer.number("i")  # the controller: under KRaft, any broker
    topics = {}
    for _ in range(answer.number("i")):
        failed, name = answer.number("h"), answer.text()
        answer.number("b")  # whether it is internal
        partitions = dict(_partition(answer) for _ in range(answer.number("i")))
        if not failed:
            topics[name] = partitions
    return Metadata(cluster, brokers, topics)


def _partition(answer: Answer) -> tuple[int, Partition]:
    answer.number("h")  # says that there is no leader, as the leader does
    number, leader = answer.number("i"), answer.number("i")
    replicas, in_sync = answer.numbers(), answer.numbers()
    answer.numbers()  # those that are down
    return number, Partition(leader, replicas, in_sync)
