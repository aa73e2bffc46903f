"""What a page says to the beacon: its script's tag, and the names of the view and of the page."""

import json
from functools import partial
from inspect import unwrap
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.requests import HTTPConnection
from starlette.types import Scope

from dwell.schemas.facts import MAX_VIEW

if TYPE_CHECKING:
    from dwell.site.dwell import Dwell


class Tags:
    """The tags of one page, for a template:

        <html lang="en" {{ dwell.attributes(product=product.id) }}>
        <title>…</title>
        {{ dwell.script }}

    Nothing of it is worked out before it is asked for.
    """

    __slots__ = ("_dwell", "_root", "_scope")

    def __init__(self, scope: Scope, root: str, dwell: "Dwell") -> None:
        self._scope = scope
        self._root = root
        self._dwell = dwell

    @property
    def script(self) -> Markup:
        """The tag of the script, for the head, behind the title."""
        return Markup('<script src="{}" async></script>').format(self.script_url)

    @property
    def script_url(self) -> str:
        """Where the script is, for a tag of one's own."""
        return self._root + self._dwell.script_url

    @property
    def script_integrity(self) -> str:
        """What that script is, for the tag's `integrity`."""
        return self._dwell.script_integrity

    def of(self, scope: Scope) -> "Tags":
        """The tags of another scope of the same request."""
        return self if scope is self._scope else Tags(scope, self._root, self._dwell)

    @property
    def view(self) -> str:
        """The dotted name of what answers this request, as `shop.pages.basket`; empty before a route was
        found."""
        endpoint = self._scope.get("endpoint")
        return "" if endpoint is None else view_of(endpoint)

    def attributes(self, view: str | None = None, **identity: Any) -> Markup:
        """The attributes of `<html>`, which name the view and what else identifies the page.

        Args:
            view: by default that of the route.
            identity: beside path and title, which the beacon says itself; JSON, 2,048 bytes in all.
        """
        said = []
        if name := view or self.view:  # an empty one would have the page wait for its first view
            said.append(Markup('data-dwell-view="{}"').format(name))
        if identity:
            text = json.dumps(identity, ensure_ascii=False, separators=(",", ":"))
            said.append(Markup('data-dwell-identity="{}"').format(text))
        return Markup(" ").join(said)


def tags_in(request: HTTPConnection) -> dict[str, Any]:
    """A context processor: each template has its page's tags as `dwell`.

    Jinja2Templates("templates", context_processors=[tags_in])
    """
    return {"dwell": tags_of(request)}


def tags_of(request: HTTPConnection) -> Tags:
    """The tags of the page that answers this request.

    Raises:
        LookupError: `DwellMiddleware` is not around this application; a mounted `Dwell` has no tags.
    """
    tags = request.scope.get("dwell")
    if not isinstance(tags, Tags):
        raise LookupError(
            "this request has no tags: expected `app.add_middleware(DwellMiddleware)`"
        )
    return tags.of(request.scope)  # a middleware within may have passed a copy on


def view_of(endpoint: Any) -> str:
    """The dotted name of a function or class, whatever is wrapped around it."""
    while isinstance(endpoint, partial):
        endpoint = endpoint.func
    endpoint = unwrap(endpoint)
    if not hasattr(endpoint, "__qualname__"):
        endpoint = type(endpoint)
    name = endpoint.__qualname__.replace(".<locals>", "").replace("<lambda>", "lambda")
    return f"{endpoint.__module__}.{name}"[-MAX_VIEW:]
