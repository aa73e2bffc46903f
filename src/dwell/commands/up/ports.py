"""Whether an address is free, and whether somebody answers there."""

import errno
import socket
from collections.abc import Mapping
from itertools import combinations

from dwell.errors import AlreadyRunning, DwellError, SettingInvalid
from dwell.settings import variable_of

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Addresses that mean all of this machine's, and one of them to reach it by."""


def require_distinct(addresses: Mapping[str, tuple[str, int]]) -> None:
    """Make sure that no two parts are to listen at one place.

    Args:
        addresses: by the setting's name, the host and the port; port 0 is none.

    Raises:
        SettingInvalid: two are.
    """
    for (first, (host, port)), (second, (other, same)) in combinations(addresses.items(), 2):
        if port and port == same and (host == other or EVERYWHERE.keys() & {host, other}):
            raise SettingInvalid(
                f"{variable_of(first)} and {variable_of(second)} are both {port}: expected a port for each"
            )


def require_free(host: str, port: int) -> None:
    """Make sure that the site will be able to listen there.

    Raises:
        AlreadyRunning: somebody else does.
        DwellError: nobody can: the address is none of this machine's, or may not be used.
    """
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            _try(family, kind, address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AlreadyRunning(
                f"{host}:{port} is in use by another process: end that one, "
                "or choose another port with --port or DWELL_PORT"
            ) from None
        raise DwellError(
            f"{host}:{port} cannot be listened on ({error.strerror}): "
            "choose another address with --host or DWELL_HOST, or another port with --port"
        ) from None


def _try(family: int, kind: int, address: object) -> None:
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind(address)  # type: ignore[arg-type]
        except OSError as error:
            # Names such as localhost have an IPv6 address where the machine has no IPv6.
            if (
                error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
                or family == socket.AF_INET
            ):
                raise


def is_answered(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((EVERYWHERE.get(host, host), port), timeout=1).close()
    except OSError:
        return False
    return True


def address_of(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens there."""
    host = EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
