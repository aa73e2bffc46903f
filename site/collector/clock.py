"""The collector's clock, the only one that dates facts."""

import time


def now() -> int:
    """Milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000
