"""What the tabs of page C have in common: the frame around them."""

from collections.abc import Mapping
from typing import ClassVar

from dwell.site.pages.page import Page


class Tab(Page):
    """A page of its own that is switched to in place, without a reload.

    Attributes:
        tab: which one, in the strip and in the identity.
    """

    tab: ClassVar[str]

    @property
    def identity(self) -> Mapping[str, str]:
        """Which tab."""
        return {"tab": self.tab}

    @property
    def frame(self) -> str:
        """The frame holds both tabs, so that a switch waits for nothing; this one is shown."""
        return "page_c/frame.html"
