"""The password, of which only an Argon2 hash is kept."""

import hmac
from hashlib import sha256
from pathlib import Path

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from dwell.errors import SettingInvalid

LONGEST = 1_024
"""Characters of a password."""

_HASHER = PasswordHasher()
"""Argon2id with the parameters of RFC 9106 for little memory: 64 MiB and some 50 ms a try."""


def hash_of(password: str) -> str:
    """The line that belongs into the file of `DWELL_DASHBOARD_PASSWORD_FILE`."""
    return _HASHER.hash(password)


class Password:
    """What a password is checked against."""

    def __init__(self, hashed: str) -> None:
        self._hash = hashed

    @classmethod
    def read(cls, file: Path) -> "Password":
        """From a file that holds the hash and nothing else.

        Raises:
            SettingInvalid: it cannot be read, or holds no Argon2 hash.
        """
        expected = "expected a file made by `dwell dashboard --hash-password`"
        name = f"DWELL_DASHBOARD_PASSWORD_FILE is '{file}'"
        try:
            hashed = file.read_text("utf-8").strip()
            extract_parameters(hashed)
        except OSError as error:
            raise SettingInvalid(f"{name}: {expected} ({error.strerror})") from None
        except (InvalidHashError, UnicodeDecodeError):
            raise SettingInvalid(f"{name}, which holds no Argon2 hash: {expected}") from None
        return cls(hashed)

    def fits(self, given: str) -> bool:
        """Whether this is the password. It takes 64 MiB and tens of milliseconds."""
        try:
            return _HASHER.verify(self._hash, given)
        except VerificationError:
            return False

    @property
    def key(self) -> bytes:
        """What sessions are signed with: another password is another key, and ends them all."""
        return hmac.digest(self._hash.encode(), b"dwell dashboard session", sha256)
