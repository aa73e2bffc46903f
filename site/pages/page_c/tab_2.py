"""Page C, tab 2."""

from dwell.site.pages.page_c.tab import Tab


class Tab2(Tab):
    """What the data team reads."""

    tab = "2"
    path = "/page_c/tab_2"
    title = "Page C, Tab 2"
    summary = "What the data team reads: one row a pageview, with its seconds."
