"""The front page."""

from dwell.site.pages.page import Page


class Front(Page):
    """What this is, and where to go."""

    path = "/"
    title = "Dwell"
    summary = "How long do people really look at a page? Dwell counts the seconds in which it could be seen."
