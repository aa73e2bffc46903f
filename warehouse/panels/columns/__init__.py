"""What is known of pageviews as columns of numbers in memory, and panels counted from them.

The SQL of a panel says what it means; here the same is counted some times faster, as a statement takes
DuckDB milliseconds to plan whatever there is to count.
"""

from dwell.warehouse.panels.columns.columns import MOST_PAGEVIEWS, Columns
from dwell.warehouse.panels.columns.latest import Latest

__all__ = ["MOST_PAGEVIEWS", "Columns", "Latest"]
