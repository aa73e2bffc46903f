"""The verdict on two warehouses: the comparison, told in one of the forms."""

import sys
from collections.abc import Sequence
from pathlib import Path

from dwell.commands.verify.forms import FORMS
from dwell.warehouse.comparison import Comparison
from dwell.warehouse.pair import Pair

ALL = 2**62


def verify(
    a: Path, b: Path, tables: Sequence[str], *, provenance: bool, limit: int, form: str
) -> int:
    """Compare and write what came of it; returns the exit status, 0 or 1.

    Args:
        limit: how many differing rows of each table are written; 0 is all.

    Raises:
        WarehouseError: nobody can tell.
    """
    with Pair(a, b) as pair:
        comparison = Comparison(pair, provenance=provenance)
        telling = FORMS[form](sys.stdout, a, b)
        telling.begin(comparison.notes())
        same = True
        for table in dict.fromkeys(tables):
            compared = comparison.compare(table)
            telling.table(compared)
            for difference in comparison.differences(compared, limit or ALL):
                telling.difference(compared, difference)
            same = same and compared.same
        telling.end(same)
    return 0 if same else 1
