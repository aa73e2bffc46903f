"""The demo site: a few pages made in advance, and Dwell mounted beside them."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dwell.headers import DATA, SITE
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.answer import Answer, Redirect
from dwell.site.assets import Assets
from dwell.site.pages import NOT_FOUND, PAGES, Page, templates
from dwell.site.pages.page_c import REDIRECTS
from dwell.site.transport import Insistent

FRESH = {"cache-control": "no-cache"}
"""Kept by any cache and asked for again on every use (304 if unchanged): after a deployment nobody
sees a page that names scripts which are gone. Pages stay fit for the back/forward cache."""

A_DAY = "max-age=86400"
NOT_KEPT = {"cache-control": "no-store"}


def create_app(
    settings: Settings, dwell: Dwell | None = None, *, tracked: bool = True
) -> Starlette:
    """The site of these settings.

    Args:
        dwell: what is mounted; by default one made from the settings.
        tracked: without it there is no collector and no script on the pages.
    """
    if tracked and dwell is None:
        dwell = Dwell(settings)
    assets = Assets()
    environment = templates(
        asset=assets.path,
        script_url=dwell.script_url if dwell is not None and tracked else None,
        honours_opt_out=settings.honour_opt_out,
        requires_consent=settings.require_consent,
    )

    def answer(page: Page, status: int = 200) -> Answer:
        body = page.render(environment).encode()
        return Answer(body, "text/html; charset=utf-8", SITE | FRESH, status)

    answers = {page.path: answer(page) for page in PAGES} | assets.answers
    slashed = {
        f"{path}/": Redirect(path, 308, A_DAY) for path in (*answers, *REDIRECTS) if path != "/"
    }
    missing = answer(NOT_FOUND, 404)

    def not_found(request: Request, error: Exception) -> Response:
        return Response(missing.body, 404, SITE | FRESH, "text/html")

    app = Starlette(
        routes=[
            Route(path, endpoint, methods=["GET"])
            for path, endpoint in (answers | REDIRECTS | slashed).items()
        ],
        exception_handlers={404: not_found, 405: _other_method, Exception: _failed},
        middleware=[Middleware(Insistent, settings=settings)] if settings.trusted_proxies else [],
    )
    app.router.redirect_slashes = False  # its redirects would name the host that the client named
    if dwell is not None and tracked:
        dwell.mount(app)
    return app


async def _other_method(request: Request, error: Exception) -> Response:
    allowed = getattr(error, "headers", None) or {}
    expected = f"expected {allowed.get('Allow', 'GET')}\n"
    return PlainTextResponse(expected, 405, {**DATA, **NOT_KEPT, **allowed})


async def _failed(request: Request, error: Exception) -> Response:
    return PlainTextResponse("the site failed to answer\n", 500, {**DATA, **NOT_KEPT})
