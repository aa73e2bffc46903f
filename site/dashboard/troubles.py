"""The answer to a refusal: a page for people, a problem document (RFC 9457) for programs."""

import json

from starlette.requests import Request
from starlette.responses import Response

from dwell.errors import QueryFailed, QuestionInvalid, WarehouseError
from dwell.site.dashboard.headers import guarding
from dwell.site.dashboard.newest import Newest
from dwell.site.dashboard.notices import Notices
from dwell.site.dashboard.pages import Pages
from dwell.site.dashboard.refusals import TITLES, Cause, Refused


class Troubles:
    """Answers what is refused, and what fails."""

    def __init__(self, pages: Pages, newest: Newest, notices: Notices) -> None:
        self._pages = pages
        self._newest = newest
        self._notices = notices

    def answer(self, request: Request, refused: Refused) -> Response:
        """The answer to a refusal."""
        if wants_page(request):
            return self._pages.render(
                request,
                "trouble.html",
                refused.status,
                refused.headers,
                title=refused.title,
                detail=refused.detail,
            )
        return problem(refused)

    async def told(self, request: Request, error: Exception) -> Response:
        """The answer to an error that an endpoint has raised."""
        return self.answer(request, self.refusal(error))

    def refusal(self, error: Exception) -> Refused:
        """What an error comes to: a question that cannot be asked like this, nothing that is published
        yet, a file that cannot be read, or one that DuckDB has no room for.

        Raises:
            Exception: that very error, if it is none that can be told of.
        """
        if isinstance(error, Refused):
            return error
        if isinstance(error, QuestionInvalid):
            return Refused(Cause.QUESTION, str(error))
        if not isinstance(error, WarehouseError):
            raise error
        cause = Cause.UNREADABLE if self._newest.is_there() else Cause.NOTHING_PUBLISHED
        if isinstance(error, QueryFailed):
            cause = Cause.UNANSWERED
        if cause is not Cause.NOTHING_PUBLISHED:
            self._notices.say(cause, f"{TITLES[cause].lower()}: {error}")
        return Refused(cause, str(error))

    async def not_found(self, request: Request, error: Exception) -> Response:
        """The answer where no route leads."""
        return self.answer(request, Refused(Cause.NOT_FOUND, "nothing is served at this address"))

    async def method(self, request: Request, error: Exception) -> Response:
        """The answer to a method that is not served."""
        headers: dict[str, str] = getattr(error, "headers", None) or {}
        allowed = headers.get("Allow", "")
        detail = f"the method is {request.method!r}: expected {allowed or 'another one'}"
        return self.answer(request, Refused(Cause.METHOD, detail, headers))

    async def failed(self, request: Request, error: Exception) -> Response:
        """The answer when the dashboard itself is wrong. It goes out past everything else."""
        detail = "this is the dashboard's fault, and its log says more"
        headers = {**guarding(request.scope), "cache-control": "no-store"}
        refused = Refused(Cause.FAILED, detail, headers)
        try:
            return self.answer(request, refused)
        except Exception:
            return problem(refused)  # what is wrong may be wrong with every page


def problem(refused: Refused) -> Response:
    """A refusal as a problem document."""
    document = json.dumps(described(refused))
    return Response(document, refused.status, refused.headers, "application/problem+json")


def described(refused: Refused) -> dict[str, object]:
    """What a problem document says of a refusal."""
    return {
        "type": f"urn:dwell:problem:{refused.cause}",
        "title": refused.title,
        "status": refused.status,
        "detail": refused.detail,
    }


def wants_page(request: Request) -> bool:
    """Whether a person waits for a page."""
    return "text/html" in request.headers.get("accept", "")
