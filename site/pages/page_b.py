"""Page B."""

from dwell.site.pages.page import Page


class PageB(Page):
    """What a clock in a browser has to survive."""

    path = "/page_b"
    title = "Page B"
    summary = (
        "What a clock in a browser has to survive: lost messages, sleep, and wrong wall clocks."
    )
