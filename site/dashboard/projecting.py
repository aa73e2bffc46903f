"""Whether a projector is at work: what tells a quiet site from one whose figures stand still."""

from pathlib import Path

from dwell.locks import holder, sees_every_holder


def is_projecting(live: Path) -> bool | None:
    """Whether somebody makes the warehouse of that folder, or a share of it; `None` if that cannot be
    seen, as from another container than the projector's.

    Args:
        live: the folder of the warehouses that projectors write.
    """
    if any(holder(lock) for lock in live.glob("*.duckdb.lock")):
        return True
    return False if sees_every_holder() else None
