"""What was read of one publication, for the next one to be read from there."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from dwell.warehouse.panels.columns.known import Known

WANTED_SECONDS = 600.0
"""For which a period counts as looked at."""
LONGER = timedelta(days=8)
"""What is known since a moment so much earlier than anybody has looked at is not carried on."""


class Latest:
    """For many threads; what is known of one publication at a time."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Known | None = None
        self._wanted: tuple[datetime, float] | None = None

    def want(self, moment: datetime) -> None:
        """Somebody looks at what began since then."""
        now = self._clock()
        with self._lock:
            wanted = self._wanted
            if wanted is None or moment <= wanted[0] or now - wanted[1] > WANTED_SECONDS:
                self._wanted = moment, now

    def since(self, moment: datetime) -> Known | None:
        """What is known since that moment or an earlier one, if it is worth to be carried on."""
        with self._lock:
            known, wanted = self._known, self._wanted
            if known is None or known.since > moment:
                return None
            return None if wanted and known.since < min(wanted[0], moment) - LONGER else known

    def keep(self, known: Known) -> None:
        """Let go of an earlier one for it; a later one stays. What leads nowhere is not kept."""
        with self._lock:
            former = self._known
            if known.state.origin is None:
                self._known = None
            elif (
                former is None
                or not known.state.leads_to(former.state)
                or _is_longer(known, former)
            ):
                self._known = known


def _is_longer(known: Known, former: Known) -> bool:
    return known.state == former.state and known.since < former.since
