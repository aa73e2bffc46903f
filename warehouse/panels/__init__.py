"""The panels of the dashboard: each a question about a selection of pageviews, and its SQL.

board = Board(Path("data/warehouse.duckdb"))
selection = Selection.of({"since": "28d"}, timezone="Europe/Berlin", now=datetime.now(UTC))
board.answer("totals", selection).rows()
"""

from dwell.warehouse.panels.answer import Answer
from dwell.warehouse.panels.board import Board
from dwell.warehouse.panels.panel import Column, Panel, find, panels
from dwell.warehouse.panels.publication import Publication
from dwell.warehouse.panels.selection import SELECTING, Selection
from dwell.warehouse.panels.timeline import PageviewLine, Stretch, Timeline

__all__ = [
    "SELECTING",
    "Answer",
    "Board",
    "Column",
    "PageviewLine",
    "Panel",
    "Publication",
    "Selection",
    "Stretch",
    "Timeline",
    "find",
    "panels",
]
