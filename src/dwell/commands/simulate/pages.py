"""The demo site, as visitors know it: its pages and the ways between them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the demo site.

    Attributes:
        seconds: the median of how long it is looked at.
        links: the keys of the pages one can go to from here.
        group: pages of one group are tabs that are switched in place, without a load.
    """

    path: str
    title: str
    view: str
    seconds: float
    links: tuple[str, ...]
    group: str = ""
    tab: str = ""

    @property
    def identity(self) -> dict[str, str]:
        """What identifies the page beside its view."""
        tab = {"tab": self.tab} if self.tab else {}
        return {"path": self.path, "title": self.title} | tab


_PAGES = "dwell.site.pages"
SITE = {
    "front": Page("/", "Dwell", f"{_PAGES}.front.Front", 6, ("a", "b", "c1", "c2")),
    "a": Page("/page_a", "Page A", f"{_PAGES}.page_a.PageA", 25, ("b", "c1")),
    "b": Page("/page_b", "Page B", f"{_PAGES}.page_b.PageB", 40, ("a", "c2")),
    "c1": Page(
        "/page_c/tab_1",
        "Page C, Tab 1",
        f"{_PAGES}.page_c.tab_1.Tab1",
        15,
        ("c2", "c2", "b"),
        "c",
        "1",
    ),
    "c2": Page(
        "/page_c/tab_2",
        "Page C, Tab 2",
        f"{_PAGES}.page_c.tab_2.Tab2",
        20,
        ("c1", "a", "a"),
        "c",
        "2",
    ),
}
ENTRIES = ("front", "front", "front", "front", "a", "a", "a", "b", "b", "c1")
REFERRERS = ("", "", "", "https://www.google.com/", "https://duckduckgo.com/", "https://lwn.net/")
