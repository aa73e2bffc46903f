"""Content codings: which of them a client takes, by its `Accept-Encoding` (RFC 9110, 12.5.3)."""

import re
from collections.abc import Iterable

IDENTITY = "identity"
"""No coding at all."""

_CHOICE = re.compile(
    r"([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)
_ALIASES = {"x-gzip": "gzip"}
_UNASKED = 0.0005
"""Half the least weight that can be written: plain is taken unless it is refused, as a last resort."""


def weights(accepted: str) -> dict[str, float]:
    """The codings that a client names, each with its weight: 0 is refused, 1 the most welcome.

    What is written wrong counts as not named, so that nobody gets what they did not ask for.
    """
    named = {}
    for choice in accepted.lower().split(","):
        if found := _CHOICE.fullmatch(choice.strip(" \t")):
            coding, weight = found.groups()
            named[_ALIASES.get(coding, coding)] = float(weight or 1)
    return named


def choose(accepted: str, codings: Iterable[str]) -> str:
    """The coding to which the client gives most weight; of equals, the one that comes first.

    A client that refuses all of them gets the plain bytes: they are no worse than a 406.

    Args:
        accepted: `Accept-Encoding`, empty if there is none.
        codings: what there is, `IDENTITY` among it.
    """
    named = weights(accepted)

    def weight(coding: str) -> float:
        return named.get(coding, named.get("*", _UNASKED if coding == IDENTITY else 0))

    best = max(codings, key=weight)
    return best if weight(best) else IDENTITY
