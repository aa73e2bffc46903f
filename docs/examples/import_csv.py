"""Bring the pageviews of another tool into Dwell, from a CSV file, each at the time it had there.

    DWELL_API_KEY=… python import_csv.py https://shop.example/dwell pageviews.csv

The file has a header and the columns time (with its zone), seconds, visitor, session, path, title,
referrer and agent. The lines of a session may stand anywhere. To run it once more changes nothing.
"""

import csv
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from dwell.client import Client, FactsRefused, Pageview, Session, stretch, uuid7_of, uuid_of

TOOL = "the other tool"
"""Ids are made of this name and those of the tool, so those of two tools never meet."""


def pageviews(file: str) -> Iterator[Pageview]:
    """One for each line; twice through the file, as a session's id wants its beginning."""
    began: dict[str, datetime] = {}
    for line in lines(file):
        time = datetime.fromisoformat(line["time"])
        began[line["session"]] = min(time, began.get(line["session"], time))
    for number, line in enumerate(lines(file)):
        time = datetime.fromisoformat(line["time"])
        session = Session(
            id=uuid7_of(began[line["session"]], TOOL, line["session"]),
            visitor=uuid_of(TOOL, line["visitor"]),
            agent=line["agent"],
        )
        yield Pageview(
            id=uuid7_of(time, TOOL, line["session"], str(number)),
            session=session,
            view=f"shop{line['path'].replace('/', '.').rstrip('.')}",
            identity={"path": line["path"], "title": line["title"]},
            referrer=line["referrer"],
            seen=[stretch(time, float(line["seconds"]))],
        )


def lines(file: str) -> Iterator[dict[str, str]]:
    """The lines of the file, by the names of its columns."""
    with Path(file).open(newline="", encoding="utf-8") as opened:
        yield from csv.DictReader(opened)


def main(url: str, file: str) -> None:
    """Send it all, or say what is wrong and in which line."""
    with Client(url, os.environ["DWELL_API_KEY"]) as client:
        try:
            print(f"{client.send(pageviews(file))} facts are kept")
        except FactsRefused as refused:
            for error in refused.errors:
                print(f"{file}, line {error.index + 2}: {error.detail}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
