"""What a projector minds of the other ones, if it has but a share of the log."""

from collections.abc import Iterable

from dwell.settings import Settings
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.reading import Forgotten
from dwell.warehouse.siblings import Sibling, Siblings
from dwell.warehouse.union import Union


class Shards:
    """The projector's share; without `DWELL_SHARD` everything is its own, and there are no others."""

    def __init__(self, settings: Settings, warehouse: LiveWarehouse) -> None:
        self._settings = settings
        share = settings.share
        self._union = Union(settings.published, share) if share else None
        self._siblings = Siblings(warehouse, settings.published, share) if share else None

    def own(self, partitions: Iterable[int]) -> list[int]:
        """Those of the partitions that this projector reads."""
        return [each for each in partitions if self._settings.owns(each)]

    def unite(self) -> None:
        """After a publication of this shard: keep what people open in step.

        Raises:
            WarehouseError: it could not be written.
        """
        if self._union is not None:
            self._union.publish()

    def forgotten(self) -> list[Forgotten]:
        """Whom the others were told to forget, and this one was not. In the warehouse's thread."""
        return [] if self._siblings is None else self._siblings.forgotten()

    def dropped(self) -> list[Sibling]:
        """What those of the others keep no more that were looked into for it, by `forgotten`."""
        return [] if self._siblings is None else self._siblings.dropped()
