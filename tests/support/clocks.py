"""A wall clock that can be set while processes run, for those alone that are started with it."""

from pathlib import Path

from tests.support.preloaded import preloaded


class Clock:
    """Whoever is started with `environment` goes by it. Their other clocks stay as they are, as when a
    machine's clock is set: what libfaketime makes of the monotonic one, Python cannot sleep by.

    Skips where there is no C compiler.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ahead"
        self._file.touch()
        self.set(0)
        self.environment = preloaded("clock", folder) | {"DWELL_TEST_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """So many ahead of this machine's clock, or behind it, from this moment on."""
        with self._file.open("r+b") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))
