"""The pages that people look at: the board, and one session of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from dwell.errors import QuestionInvalid
from dwell.site.dashboard.headers import PRIVATE
from dwell.site.dashboard.newest import Newest
from dwell.site.dashboard.pages import Pages
from dwell.warehouse.panels import SELECTING, Selection

KEPT = {"cache-control": PRIVATE}


class Boards:
    """Renders them at once, without the warehouse; their scripts ask for the data."""

    def __init__(self, pages: Pages, newest: Newest, timezone: str) -> None:
        self._pages = pages
        self._newest = newest
        self._timezone = timezone

    async def board(self, request: Request) -> Response:
        """The board of the selection in the address. What is no part of one is left alone: links
        are given additions by those who pass them on."""
        query = dict(request.query_params)
        selecting = {name: text for name, text in query.items() if name in SELECTING}
        problem, alone = None, False
        try:
            selection = Selection.of(selecting, timezone=self._timezone, now=datetime.now(UTC))
            alone = self._is_alone(selection)
        except QuestionInvalid as error:
            problem = str(error)
        return self._pages.render(
            request,
            "board.html",
            400 if problem else 200,
            KEPT,
            query=query,
            asked=_asked(selecting),
            problem=problem,
            alone=alone,
            empty=not self._newest.is_there(),
        )

    def _is_alone(self, selection: Selection) -> bool:
        """Whether the page will say that its period is not compared with the one before, and since when
        there are figures: a line more, as far as is known yet."""
        shown = self._newest.known()
        measured = shown and shown.publication.measured_since
        return bool(measured and not selection.has_before(measured))

    async def session(self, request: Request) -> Response:
        """The page of one session."""
        session_id = str(request.path_params["session_id"])
        return self._pages.render(
            request,
            "session.html",
            headers=KEPT,
            session_id=session_id,
            asked=_asked(request.query_params),
        )


def _asked(parameters: Mapping[str, str]) -> str:
    """The parameters as a link has them."""
    return f"?{urlencode(parameters)}" if parameters else ""
