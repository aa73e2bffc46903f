"""To which log a warehouse belongs, and that it belongs to another one: a copy of it, offset by offset."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from dwell.errors import LogMismatch, WarehouseError
from dwell.settings import Settings
from dwell.warehouse import layout
from dwell.warehouse.contents import contents_of, first_line, opened
from dwell.warehouse.live import LiveWarehouse

_IDENTITY = "update projection_info set value = ? where name = 'log_identity' and value = ?"


@contextmanager
def holding(projectors: Iterable[Settings]) -> Iterator[None]:
    """Make sure that no projector of these is at work, before anything is begun.

    Raises:
        WarehouseHeld: one is.
    """
    with ExitStack() as held:
        for settings in projectors:
            held.enter_context(layout.holding(settings.live, settings.share))
            LiveWarehouse(settings.warehouse, settings.share).close()
        yield


def change(warehouse: LiveWarehouse, former: str, new: str) -> bool:
    """Have an open warehouse belong to a log that is the copy of its own. Returns whether it did not
    before; one that belongs to none yet stays so.

    Raises:
        LogMismatch: it belongs to a third log.
    """
    known = warehouse.info("log_identity")
    if known in (None, new):
        return known == new
    if known != former:
        raise LogMismatch(
            f"{warehouse.path} was made from log {known}: expected {former}, the log that is moved"
        )
    with warehouse.transaction():
        warehouse.note("log_identity", new)
    warehouse.checkpoint()
    return True


def change_file(path: Path, former: str, new: str) -> bool:
    """The same for a file that no projector writes; one of a third log stays as it is.

    Raises:
        WarehouseError: it cannot be written, or is no warehouse of Dwell's.
    """
    mode = path.stat().st_mode & 0o777
    try:
        path.chmod(mode | 0o600)
        with opened(path) as connection:
            if contents_of(connection).identity != former:
                return False
            connection.execute(_IDENTITY, [new, former])
    except (OSError, duckdb.Error, ValueError) as error:
        raise WarehouseError(f"{path} cannot be written: {first_line(error)}") from None
    finally:
        path.chmod(mode)
    return True
