"""What was found of one thing."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["well", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        of: what it is, in a word or two.
        said: how it is, in one line.
        advice: what to do about it; empty if nothing is to be done.
    """

    verdict: Verdict
    of: str
    said: str
    advice: str = ""


def well(of: str, said: str) -> Finding:
    """It is as it should be."""
    return Finding("well", of, said)


def note(of: str, said: str, advice: str) -> Finding:
    """It may be meant so."""
    return Finding("note", of, said, advice)


def wrong(of: str, said: str, advice: str) -> Finding:
    """It is not as it should be."""
    return Finding("wrong", of, said, advice)
