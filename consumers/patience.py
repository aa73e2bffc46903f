"""Patience: a log that is slow, or away for a while, is asked again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dwell.errors import LogUnavailable

AGAIN_AFTER = 1.0
"""Seconds until a log that did not answer is asked again."""
USUAL = 60.0
"""Seconds that a log may give nothing of what it has."""

Answer = TypeVar("Answer")


class Patience:
    """Asks a log, and gives it time.

    Args:
        seconds: for which a log is asked again that does not answer or gives nothing.
    """

    def __init__(self, seconds: float = USUAL) -> None:
        self._seconds = seconds
        self.heard()

    def heard(self) -> None:
        """Begin to wait anew."""
        self._heard = asyncio.get_running_loop().time()

    async def asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What the log answers.

        Raises:
            LogUnavailable: nothing for so long.
        """
        while True:
            try:
                return await ask()
            except LogUnavailable:
                if self._silent() >= self._seconds:
                    raise
                await asyncio.sleep(AGAIN_AFTER)

    def refuse_silence(self, where: str) -> None:
        """Give up a log that answers, and for long with nothing.

        Raises:
            LogUnavailable: it was long enough.
        """
        if self._silent() > max(self._seconds, AGAIN_AFTER):
            raise LogUnavailable(
                f"no record came for {self._silent():.0f} s from {where} on: expected what is before "
                "the end of the partition"
            )

    def _silent(self) -> float:
        return asyncio.get_running_loop().time() - self._heard
