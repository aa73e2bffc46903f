"""Which publication is the newest: a look at the file, and a question only where that has changed."""

from pathlib import Path

from dwell.site.dashboard.asking import Asking
from dwell.warehouse.panels import Board, Publication
from dwell.warehouse.published import Identity, identity_of


class Newest:
    """Cheap enough to be asked by every request and every second by every stream."""

    def __init__(self, path: Path, board: Board, asking: Asking) -> None:
        self._path = path
        self._board = board
        self._asking = asking
        self._known: tuple[Identity, Publication] | None = None

    def is_there(self) -> bool:
        """Whether anything is published, be it readable or not."""
        try:
            self._path.stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    async def publication(self) -> Publication:
        """The newest publication.

        Raises:
            WarehouseError: nothing is published yet, or the file cannot be read.
            Refused: too many questions wait.
        """
        identity = identity_of(self._path)
        if self._known is not None and self._known[0] == identity:
            return self._known[1]
        question = ("publication", identity)
        publication = await self._asking.run(question, self._board.publication)
        self._known = identity, publication
        return publication
