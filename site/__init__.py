"""The site: pages that a visitor sees, the beacon they carry, and the collector it reports to."""

from dwell.site.dwell import Dwell
from dwell.site.middleware import DwellMiddleware
from dwell.site.tags import Tags, tags_in, tags_of

__all__ = ["Dwell", "DwellMiddleware", "Tags", "tags_in", "tags_of"]
