"""What a page is."""

from collections.abc import Mapping
from typing import ClassVar

from jinja2 import Environment


class Page:
    """A component: a class, a template of the module's name beside it, and one view name.

    Attributes:
        path: where it is served.
        title: of the document, and of links that lead to it.
        summary: one sentence, for search results.
    """

    path: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]

    @property
    def view(self) -> str:
        """The dotted name of its class: what the facts call this page."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def identity(self) -> Mapping[str, str]:
        """What tells it apart beside path and title."""
        return {}

    @property
    def template(self) -> str:
        """Its own template, from the folder of the pages: `page_c/tab_1.html`."""
        module = type(self).__module__.removeprefix(f"{__package__}.")
        return module.replace(".", "/") + ".html"

    @property
    def frame(self) -> str:
        """The template of the whole document."""
        return self.template

    def render(self, environment: Environment) -> str:
        """The document."""
        return environment.get_template(self.frame).render(page=self)
