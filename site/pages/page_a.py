"""Page A."""

from dwell.site.pages.page import Page


class PageA(Page):
    """What a second of looking is."""

    path = "/page_a"
    title = "Page A"
    summary = "What counts as a second of looking at a page, and what does not."
