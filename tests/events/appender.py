"""A process of its own that appends, and prints each number as soon as it is acknowledged.

`python -m tests.events.appender FILE FIRST COUNT`: one record a call, eight calls at once.
"""

import asyncio
import sys
from pathlib import Path

from dwell.events.embedded import EmbeddedWriter
from tests.events.contract import record


async def main(path: Path, first: int, count: int) -> None:
    """Append the numbers from `first` on."""
    writer = EmbeddedWriter(path, waiting_bytes=2**26, durable_within=30)
    numbers = iter(range(first, first + count))

    async def caller() -> None:
        for number in numbers:
            await writer.append([record(number)])
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()

    await asyncio.gather(*(caller() for _ in range(8)))
    await writer.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
