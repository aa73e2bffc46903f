"""The keys of servers, of which only digests are kept."""

import hmac
import re
import secrets
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from dwell.errors import SettingInvalid
from dwell.settings import API_KEY, Settings
from dwell.site.collector.rate import RateLimit
from dwell.site.collector.refusals import Cause, Refused
from dwell.site.collector.request import Request

WRONG_PER_SECOND = 1
"""Wrong keys a second that are looked at from one client address, with bursts of ten times that."""

_CHALLENGE = ((b"www-authenticate", b"Bearer"),)


def new_key() -> str:
    """A key: 256 random bits, so that a plain digest of it keeps it as safe as any slow hash."""
    return f"dwell_{secrets.token_urlsafe(32)}"


def digest_of(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode()).hexdigest()


def keys_of(settings: Settings) -> tuple[str, ...]:
    """The keys of the settings, each as `NAME:DIGEST`.

    Raises:
        SettingInvalid: the file cannot be read, or holds something else.
    """
    file = settings.api_keys_file
    return settings.api_keys + (() if file is None else keys_in(file))


class Keys:
    """Lets servers in that send one of the keys, `Authorization: Bearer KEY`.

    Args:
        known: each as `NAME:DIGEST`.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._digests = [each.rpartition(":")[2] for each in known]
        self._wrong = RateLimit(WRONG_PER_SECOND)

    def admit(self, request: Request) -> None:
        """Let pass who has a key. How long it takes tells nothing of any.

        Raises:
            Refused: there is none, or a wrong one (401); or one wrong one too many (429).
        """
        scheme, _, key = request.headers.get(b"authorization", b"").partition(b" ")
        digest = sha256(key.strip()).hexdigest()
        fits = [hmac.compare_digest(digest, known) for known in self._digests]
        if scheme.lower() == b"bearer" and any(fits):
            return
        try:
            self._wrong.admit(request)
        except Refused as refused:
            detail = "too many wrong keys came from this address"
            raise Refused(Cause.RATE, detail, headers=refused.headers) from None
        given = "is not one of DWELL_API_KEYS" if key else "is missing"
        raise Refused(
            Cause.UNKNOWN_KEY,
            f"the key {given}: expected `Authorization: Bearer KEY`, made by `dwell key new`",
            headers=_CHALLENGE,
        )


def keys_in(file: Path) -> tuple[str, ...]:
    """The keys of a file, each as `NAME:DIGEST`.

    Raises:
        SettingInvalid: it cannot be read, or holds something else.
    """
    expected = "expected a file with a line for each key, NAME:DIGEST, as `dwell key new` prints it"
    name = f"DWELL_API_KEYS_FILE is '{file}'"
    try:
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    except OSError as error:
        raise SettingInvalid(f"{name}: {expected} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingInvalid(f"{name}: {expected}") from None
    found = tuple(line for line in lines if line and not line.startswith("#"))
    for number, line in enumerate(lines, 1):
        if line in found and not re.fullmatch(API_KEY, line):
            raise SettingInvalid(f"{name}, whose line {number} is none: {expected}")
    return found
