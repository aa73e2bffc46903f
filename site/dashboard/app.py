"""The dashboard as an application: what is served where, and what stands before it."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dwell.settings import Settings
from dwell.site.collector.request import RequestReader
from dwell.site.dashboard.access import Access
from dwell.site.dashboard.assets import Assets
from dwell.site.dashboard.gate import Gate
from dwell.site.dashboard.headers import PRIVATE, Guarded
from dwell.site.dashboard.pages import Pages
from dwell.site.dashboard.refusals import Refused
from dwell.site.dashboard.signing_in import SigningIn
from dwell.site.dashboard.tries import Tries
from dwell.site.dashboard.troubles import Troubles


def create_dashboard(settings: Settings, *, guarded: bool = True) -> Starlette:
    """The dashboard of these settings. Mount it anywhere, with a path that ends in no slash:

        app.mount("/stats", create_dashboard(Settings.read()))

    Args:
        guarded: False if the application it is mounted in lets nobody in who should not look.

    Raises:
        SettingInvalid: a setting of the dashboard cannot be used.
    """
    access = Access(settings, guarded=guarded)
    assets = Assets()
    pages = Pages(assets, settings.timezone)
    troubles = Troubles(pages)
    signing_in = SigningIn(access, pages, Tries())

    async def board(request: Request) -> Response:
        kept = {"cache-control": PRIVATE}
        query = dict(request.query_params)
        return pages.render(request, "board.html", headers=kept, query=query)

    async def session(request: Request) -> Response:
        kept = {"cache-control": PRIVATE}
        session_id = str(request.path_params["session_id"])
        return pages.render(request, "session.html", headers=kept, session_id=session_id)

    return Starlette(
        routes=[
            Route("/", board),
            Route("/sessions/{session_id:uuid}", session),
            Route("/login", signing_in.ask),
            Route("/login", signing_in.sign_in, methods=["POST"]),
            Route("/logout", signing_in.sign_out, methods=["POST"]),
            Route("/healthy", _well),
            Route("/assets/{digest:str}/{path:path}", assets.serve),
        ],
        middleware=[
            Middleware(Guarded),
            Middleware(
                Gate,
                access=access,
                requests=RequestReader(settings.trusted_networks),
                pages=pages,
                troubles=troubles,
            ),
        ],
        exception_handlers={
            Refused: troubles.refused,
            404: troubles.not_found,
            405: troubles.method,
            Exception: troubles.failed,
        },
    )


async def _well(request: Request) -> Response:
    """That it answers, and nothing more: anybody may know."""
    return Response(status_code=204)
