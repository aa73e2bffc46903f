"""The cookie of somebody who gave the password: signed, with the time of signing, and no more."""

from hashlib import sha256

from itsdangerous import BadSignature, TimestampSigner

NAME = "dwell_dashboard"
SECURE_NAME = f"__Host-{NAME}"
"""Under https: browsers then take the cookie from this very host alone, and from no page without https."""
SECONDS = 14 * 86_400
"""How long a session lasts."""

_ATTRIBUTES = "; Path=/; HttpOnly; SameSite=Strict"
_IN = b"in"


def name_of(secure: bool) -> str:
    """What the cookie is called by a client that speaks https, or does not."""
    return SECURE_NAME if secure else NAME


class Sessions:
    """Makes and checks cookies. Nothing is kept of them: a restart ends no session, another key all."""

    def __init__(self, key: bytes, signer: type[TimestampSigner] = TimestampSigner) -> None:
        self._signer = signer(key, salt=b"dwell_dashboard", digest_method=sha256)

    def begun(self, *, secure: bool) -> str:
        """The `Set-Cookie` that begins a session."""
        token = self._signer.sign(_IN).decode()
        return f"{name_of(secure)}={token}; Max-Age={SECONDS}{_ATTRIBUTES}{'; Secure' if secure else ''}"

    def ended(self, *, secure: bool) -> str:
        """The `Set-Cookie` that ends it."""
        return f"{name_of(secure)}=; Max-Age=0{_ATTRIBUTES}{'; Secure' if secure else ''}"

    def holds(self, token: str) -> bool:
        """Whether a session was begun with this key, and is not too old."""
        try:
            return self._signer.unsign(token, max_age=SECONDS) == _IN
        except BadSignature:
            return False
