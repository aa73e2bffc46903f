"""The page for paths that lead nowhere."""

from dwell.site.pages.page import Page


class NotFound(Page):
    """Not a pageview: it carries no beacon, because any path at all may lead here."""

    title = "Page not found"
    summary = "There is no page here."
