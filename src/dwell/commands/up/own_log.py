"""Whether the log is the one that the warehouses of the data folder were made from."""

from dwell.consumers.forgetting import lives
from dwell.consumers.origin import identity_in, refuse_other
from dwell.settings import Settings


def require_own(settings: Settings, *, ask: bool) -> None:
    """Make sure of it, before the site answers for facts. A live warehouse that was moved away binds
    nobody.

    Raises:
        LogMismatch: `DWELL_LOG` names another log, as `refuse_other` tells.
    """
    for each in lives(settings):
        path = each.publication if each.publication.exists() else each.warehouse
        refuse_other(each, path, identity_in(path), ask=ask)
