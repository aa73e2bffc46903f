"""What a folder says of itself in `export.json`: which publication it tells of, and what columns mean.

By it a folder is known as an export, which another one may replace.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dwell
from dwell.warehouse.catalogue import Table
from dwell.warehouse.exporting import Period

NAME = "export.json"


@dataclass(frozen=True)
class Written:
    """A table in its file, of so many rows and bytes, cut by a column or (`None`) whole."""

    table: Table
    file: Path
    rows: int
    bytes: int
    moment: str | None


def write(
    folder: Path, published_at: str | None, period: Period, tables: Sequence[Written]
) -> None:
    """Write it into the folder of an export."""
    said = {
        "dwell": dwell.__version__,
        "published_at": published_at,
        "since": _text(period.since),
        "until": _text(period.until),
        "tables": [_entry(each) for each in tables],
    }
    (folder / NAME).write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", "utf-8")


def is_export(folder: Path) -> bool:
    """Whether the folder holds an export and nothing else."""
    try:
        said = json.loads((folder / NAME).read_text("utf-8"))
        files = {table["file"] for table in said["tables"] if said["dwell"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return {each.name for each in folder.iterdir()} <= files | {NAME}


def _entry(written: Written) -> dict[str, Any]:
    return {
        "name": written.table.name,
        "file": written.file.name,
        "rows": written.rows,
        "bytes": written.bytes,
        "cut_by": written.moment,
        "comment": written.table.comment,
        "columns": [
            {"name": column.name, "type": column.type, "comment": column.comment}
            for column in written.table.columns
        ],
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
