"""Page C, tab 1."""

from dwell.site.pages.page_c.tab import Tab


class Tab1(Tab):
    """What a browser says."""

    tab = "1"
    path = "/page_c/tab_1"
    title = "Page C, Tab 1"
    summary = "What a browser says about the page you look at: one fact, whole in itself."
