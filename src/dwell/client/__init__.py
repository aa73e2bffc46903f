"""A client for servers: states what visitors saw, now or years ago, to a collector that gave it a key.

It needs nothing but Python, so this folder also works as a copy, where Dwell is not installed.
"""

from .client import Client
from .errors import ClientError, FactError, FactsRefused, NotAdmitted, Unreachable
from .ids import uuid7_of, uuid_of
from .pageviews import Pageview, Session, Stretch, stretch

__all__ = [
    "Client",
    "ClientError",
    "FactError",
    "FactsRefused",
    "NotAdmitted",
    "Pageview",
    "Session",
    "Stretch",
    "Unreachable",
    "stretch",
    "uuid7_of",
    "uuid_of",
]
