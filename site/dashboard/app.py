"""The dashboard as an application: what is served where, and what stands before it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dwell.errors import QuestionInvalid, WarehouseError
from dwell.health import PREFIX, QUESTIONS, Health
from dwell.settings import Settings
from dwell.site.collector.request import RequestReader
from dwell.site.dashboard.access import Access
from dwell.site.dashboard.ahead import Ahead
from dwell.site.dashboard.asking import Asking
from dwell.site.dashboard.assets import Assets
from dwell.site.dashboard.boards import Boards
from dwell.site.dashboard.counting import Counted, Requests
from dwell.site.dashboard.data import Data
from dwell.site.dashboard.gate import Gate
from dwell.site.dashboard.headers import Guarded
from dwell.site.dashboard.newest import Newest
from dwell.site.dashboard.notices import Notices
from dwell.site.dashboard.pages import Pages
from dwell.site.dashboard.projecting import is_projecting
from dwell.site.dashboard.refusals import Refused
from dwell.site.dashboard.signing_in import SigningIn
from dwell.site.dashboard.streams import Streams
from dwell.site.dashboard.tries import Tries
from dwell.site.dashboard.troubles import Troubles
from dwell.site.dashboard.vega import bundle
from dwell.warehouse.panels import Board

COMPRESSED_BYTES = 1_024
"""From so many bytes on, what is not coded yet is compressed where the client takes it."""


def create_dashboard(settings: Settings, *, guarded: bool = True) -> Starlette:
    """The dashboard of these settings. Mount it anywhere:

        app.mount("/stats", create_dashboard(Settings.read()))

    Its streams end with `app.state.streams.close()`: a server that is to stop calls it, so that it
    need not wait for them.

    Args:
        guarded: False if the application it is mounted in lets nobody in who should not look.

    Raises:
        SettingInvalid: a setting of the dashboard cannot be used.
    """
    access = Access(settings, guarded=guarded)
    asking, requests = Asking(), Requests()
    board = Board(settings.published)
    newest = Newest(settings.published, board, asking)
    assets = Assets(bundle())
    pages = Pages(assets, settings.timezone)
    notices = Notices()
    troubles = Troubles(pages, newest, notices)
    signing_in = SigningIn(access, pages, Tries(), notices)
    boards = Boards(pages, newest, settings.timezone)
    ahead = Ahead()
    newest.before_shown(ahead.ask)
    data = Data(board, asking, newest, ahead, troubles, settings.timezone, assets.digest)
    streams = Streams(newest, partial(is_projecting, settings.live))
    health = Health(newest.unready)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(newest.keep())
        yield
        looking.cancel()
        streams.close()
        asking.close()
        signing_in.close()
        board.close()

    app = Starlette(
        routes=[
            Route("/", boards.board),
            Route("/sessions/{session_id:uuid}", boards.session),
            Route("/panels", data.listing),
            Route("/panels.ndjson", data.several),
            Route("/panels/{name}.{form}", data.panel),
            Route("/choices.json", data.choices),
            Route("/sessions.json", data.sessions),
            Route("/sessions/{session_id:uuid}.json", data.session),
            Route("/events", streams.serve),
            Route("/login", signing_in.ask),
            Route("/login", signing_in.sign_in, methods=["POST"]),
            Route("/logout", signing_in.sign_out, methods=["POST"]),
            Route("/healthy", _well),
            *(Route(f"{PREFIX}{question}", health) for question in QUESTIONS),
            Route("/assets/{digest}/{path:path}", assets.serve),
        ],
        middleware=[
            Middleware(Counted, requests=requests),
            Middleware(Guarded),
            Middleware(GZipMiddleware, minimum_size=COMPRESSED_BYTES, compresslevel=5),
            Middleware(
                Gate,
                access=access,
                requests=RequestReader(settings.trusted_networks),
                pages=pages,
                troubles=troubles,
            ),
        ],
        exception_handlers=_handlers(troubles),
        lifespan=lifespan,
    )
    # It would lead out of the path that the dashboard is mounted at, to the name in `Host`.
    app.router.redirect_slashes = False
    app.state.streams = streams
    app.state.health, app.state.asking, app.state.requests = health, asking, requests
    return app


def _handlers(troubles: Troubles) -> dict[Any, Any]:
    return {
        Refused: troubles.told,
        QuestionInvalid: troubles.told,
        WarehouseError: troubles.told,
        404: troubles.not_found,
        405: troubles.method,
        Exception: troubles.failed,
    }


async def _well(request: Request) -> Response:
    """That it answers, and nothing more: anybody may know."""
    return Response(status_code=204)
