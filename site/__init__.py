"""The site: pages that a visitor sees, the beacon they carry, and the collector it reports to."""

from dwell.site.dwell import Dwell

__all__ = ["Dwell"]
