"""Bring the pageviews of another tool into Dwell, from a CSV file, each at the time it had there.

    DWELL_API_KEY_FILE=key python import_csv.py https://shop.example/dwell pageviews.csv

The file has a header and the columns time (with its zone), seconds, visitor, session, path, title,
referrer and agent. Its lines may stand in any order. To run it once more changes nothing, and a longer
export of the same adds what is new, as long as it has each session whole.
"""

import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from dwell.client import (
    Client,
    ClientError,
    FactsRefused,
    Pageview,
    Session,
    stretch,
    uuid7_of,
    uuid_of,
)

TOOL = "the other tool"
"""Ids are made of this name and those of the tool, so those of two tools never meet."""
COLUMNS = ("time", "seconds", "visitor", "session", "path", "title", "referrer", "agent")


class Line(NamedTuple):
    """A line of the file, with its number there."""

    number: int
    time: datetime
    seconds: float
    path: str
    row: dict[str, str]


def pageviews(file: str, numbers: list[int]) -> Iterator[Pageview]:
    """One for each line, whose number is added to `numbers`.

    The file is read twice, as a session's id wants its beginning; so a line that is wrong is found
    before anything is sent. What a line says is what it is known by, not where it stands.
    """
    began: dict[str, datetime] = {}
    for line in lines(file):
        session = line.row["session"]
        began[session] = min(line.time, began.get(session, line.time))
    alike: Counter[tuple[str, datetime, str]] = Counter()
    for line in lines(file):
        numbers.append(line.number)
        row, what = line.row, (line.row["session"], line.time, line.path)
        alike[what] += 1
        yield Pageview(
            id=uuid7_of(line.time, TOOL, row["session"], line.path, str(alike[what])),
            session=Session(
                id=uuid7_of(began[row["session"]], TOOL, row["session"]),
                visitor=uuid_of(TOOL, row["visitor"]),
                agent=row["agent"],
            ),
            view=f"shop{line.path.replace('/', '.').rstrip('.')}",
            identity={"path": line.path, "title": row["title"]},
            referrer=row["referrer"],
            seen=[stretch(line.time, line.seconds)],
        )


def lines(file: str) -> Iterator[Line]:
    """The lines of the file.

    Raises:
        ValueError: one of them is wrong.
    """
    with Path(file).open(newline="", encoding="utf-8-sig") as opened:
        reader = csv.DictReader(opened)
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            expected = f"expected a header with {', '.join(COLUMNS)}, and commas between them"
            raise ValueError(f"{file} has no column {', '.join(missing)}: {expected}")
        number = reader.line_num + 1
        for row in reader:
            yield line_of(file, number, row)
            number = reader.line_num + 1  # a field in quotes may go on over several


def path_of(text: str) -> str:
    """The path, of an address or of itself."""
    if text.startswith(("http://", "https://")):
        return urlsplit(text).path
    return text.partition("#")[0].partition("?")[0]


def line_of(file: str, number: int, row: dict[str, str]) -> Line:
    """A line, if it can be right."""
    where = f"{file}, line {number}"
    if None in row or None in row.values():
        raise ValueError(f"{where} has another number of fields than the header")
    try:
        time = datetime.fromisoformat(row["time"])
        zone = time.tzinfo
    except ValueError:
        zone = None
    if zone is None:
        said = f"{where}: time is {row['time']!r}"
        raise ValueError(f"{said}: expected one with its zone, as 2025-11-23T12:00:00+01:00")
    if not 1971 <= time.year <= 9996:
        raise ValueError(f"{where}: time is {row['time']!r}: expected one from 1971 to 9996")
    try:
        seconds = float(row["seconds"])
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 400 * 86_400:
        said = f"{where}: seconds is {row['seconds']!r}"
        raise ValueError(f"{said}: expected a number from 0 to 34560000, which are 400 days")
    return Line(number, time, seconds, path_of(row["path"]), row)


def main(url: str, file: str, key_file: str) -> None:
    """Send it all, or say what is wrong and in which line."""
    numbers: list[int] = []
    try:
        with Client(url, Path(key_file).read_text()) as client:
            print(f"{client.send(pageviews(file, numbers))} facts are kept")
    except FactsRefused as refused:
        wrong = [f"{file}, line {numbers[each.index]}: {each.detail}" for each in refused.errors]
        sys.exit("\n".join(dict.fromkeys(wrong)))
    except (ClientError, ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if len(sys.argv) != 3 or "DWELL_API_KEY_FILE" not in os.environ:
        sys.exit("usage: DWELL_API_KEY_FILE=… python import_csv.py URL FILE")
    main(*sys.argv[1:], os.environ["DWELL_API_KEY_FILE"])
