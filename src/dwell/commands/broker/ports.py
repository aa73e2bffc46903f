"""Ports of the loopback address."""

import errno
import random
import socket

from dwell.errors import AlreadyRunning, DwellError

HOST = "127.0.0.1"
QUIET = range(20_000, 30_000)
"""Below what kernels give to outgoing connections. A client that knocks at a port of that range
while the broker is away may be given this very port for its own end, and keeps the broker out."""


def require_free(port: int) -> None:
    """Make sure that the broker will be able to listen there.

    Raises:
        AlreadyRunning: somebody else does.
        DwellError: nobody can.
    """
    choose = "choose another port with --broker-port or DWELL_BROKER_PORT"
    try:
        _bind(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AlreadyRunning(
                f"{HOST}:{port} is in use by another process: end that one, or {choose}"
            ) from None
        raise DwellError(
            f"{HOST}:{port} cannot be listened on ({error.strerror}): {choose}"
        ) from None


def quiet_port() -> int:
    """A free port that no client will be given for its own end."""
    for port in random.sample(QUIET, 200):  # not for secrets
        try:
            _bind(port)
        except OSError:
            continue
        return port
    raise DwellError(f"no port of {HOST} between {QUIET.start} and {QUIET.stop} is free")


def _bind(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
