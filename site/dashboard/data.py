"""The data behind the pages: every panel as JSON, Arrow and CSV, and what else scripts ask for."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dwell.errors import DwellError, QuestionInvalid
from dwell.site.dashboard.ahead import Ahead
from dwell.site.dashboard.asking import Asking, Kept
from dwell.site.dashboard.headers import PRIVATE
from dwell.site.dashboard.headings import heading
from dwell.site.dashboard.leaving import unless_gone
from dwell.site.dashboard.newest import Newest, Shown
from dwell.site.dashboard.refusals import Cause, Refused
from dwell.site.dashboard.several import MEDIA_TYPE, Lines
from dwell.site.dashboard.troubles import Troubles, described
from dwell.warehouse.panels import (
    SELECTING,
    Answer,
    Board,
    Column,
    Panel,
    Publication,
    Selection,
    panels,
)
from dwell.warehouse.panels.answer import iso

SESSIONS = 50
"""Sessions of one page of their list."""
OPENED = {"retention": {"since": "8w"}}
"""What the board asks of a panel when it is opened without a filter; of the others it asks nothing
in particular."""
LONGEST = {"since": "12w"}
"""The longest period that the board offers by a button."""
PREPARED = 1_000_000
"""Pageviews: as long as that period and the one before have no more, they are read before anybody asks."""
LIVE_SECONDS = 5
"""For which an answer about now is kept."""

Told = tuple[Publication, bytes]


@dataclass(frozen=True)
class Question:
    """What is asked of a publication, and how it is answered."""

    key: tuple[object, ...]
    answer: Callable[[], Told]


Asked = Callable[[datetime], Question]
"""A question of an address, for what is now at that moment."""


class Data:
    """Answers for scripts and for people who take the data along.

    An answer has a tag of publication, question and version; who has it already gets 304, without the
    warehouse being asked.

    Args:
        version: of the scripts that read the answers.
    """

    def __init__(
        self,
        board: Board,
        asking: Asking,
        newest: Newest,
        ahead: Ahead,
        troubles: Troubles,
        timezone: str,
        version: str,
    ) -> None:
        self._version = version
        self._board = board
        self._asking = asking
        self._newest = newest
        self._ahead = ahead
        self._troubles = troubles
        self._timezone = timezone
        self._kept = Kept()
        for each in panels():
            if not _is_of_now(each):
                given = OPENED.get(each.name, {})
                asked = partial(self._of_panel, each, "json", given)
                ahead.always((each.name, tuple(given.items())), partial(self._answered, asked))
        ahead.always("prepared", self._prepared)

    async def listing(self, request: Request) -> Response:
        """The panels, and what their columns mean."""
        listed = [_described(each) for each in panels()]
        return JSONResponse(listed, headers={"cache-control": PRIVATE})

    async def panel(self, request: Request) -> Response:
        """One panel of the selection in the address.

        Raises:
            Refused: there is no such panel, or no such form of it.
            QuestionInvalid: it cannot be asked like this.
        """
        panel = _panel(request.path_params["name"])
        form = request.path_params["form"]
        if form not in FORMS:
            expected = " or ".join(FORMS)
            raise Refused(Cause.NOT_FOUND, f"the form is {form!r}: expected {expected}")
        given = dict(request.query_params)
        asked = partial(self._of_panel, panel, form, given)
        if form == "json":
            self._note(panel, given, asked)
        headers = {}
        if form != "json":
            headers["content-disposition"] = f'attachment; filename="{panel.name}.{form}"'
        return await self._reply(request, asked, FORMS[form][0], headers)

    async def several(self, request: Request) -> Response:
        """The panels that `panels` names, of one selection: a line for each, as soon as it is answered,
        with what its own JSON says, or its name and the `problem`. `retention.since` is what one of
        them alone is asked with.

        Raises:
            Refused: there is no such panel.
            QuestionInvalid: they cannot be asked like this.
        """
        several = _parted(request.query_params)
        asked = {}
        for name, given in several.items():
            asked[name] = partial(self._of_panel, _panel(name), "json", given)
            asked[name](datetime.now(UTC))
            self._note(_panel(name), given, asked[name])
        shown = await self._newest.shown()
        questions = [each(shown.at) for each in asked.values()]
        tag = self._tag(shown.publication, [each.key for each in questions])
        headers = {"cache-control": PRIVATE, "etag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        found = [self._found(shown.publication, each) for each in questions]
        if None not in found:
            return Response(b"".join(filter(None, found)), headers=headers, media_type=MEDIA_TYPE)
        # What is not known yet may be a problem, which no browser is to keep: hence no tag.
        return Lines([self._line(name, each, shown) for name, each in asked.items()])

    async def choices(self, request: Request) -> Response:
        """What there is to be selected in the period, by the names of parameters."""
        asked = partial(self._of_choices, dict(request.query_params))
        return await self._reply(request, asked)

    async def sessions(self, request: Request) -> Response:
        """The sessions selected, a page of them, those that began last first. `before` is the
        `cursor` of the last one of the page before; `next` is that of this one, or null."""
        asked = partial(self._of_sessions, dict(request.query_params))
        return await self._reply(request, asked)

    async def session(self, request: Request) -> Response:
        """One session with its pageviews, and when each of them could be seen.

        Raises:
            Refused: there is no such session.
        """
        session_id = str(request.path_params["session_id"])

        def answer() -> Told:
            timeline = self._board.timeline(session_id)
            if timeline is None:
                raise Refused(Cause.NOT_FOUND, f"there is no session {session_id}")
            document = _published(timeline.publication) | timeline.plain()
            return timeline.publication, dumped(document)

        return await self._reply(request, lambda _: Question(("session", session_id), answer))

    def _of_panel(
        self, panel: Panel, form: str, given: Mapping[str, str], now: datetime
    ) -> Question:
        selection, extra = self._selected(given, now)
        selection = panel.heeded(selection)
        _, written = FORMS[form]

        def answer() -> Told:
            told = self._board.answer(panel.name, selection, extra)
            return told.publication, written(panel, selection, told)

        key = (panel.name, form, selection, tuple(sorted(extra.items())), _moment_of(panel))
        return Question(key, answer)

    def _of_choices(self, given: Mapping[str, str], now: datetime) -> Question:
        selection, extra = self._selected(given, now)
        _take_nothing(extra)

        def answer() -> Told:
            return self._board.publication(), dumped(self._board.choices(selection))

        return Question(("choices", selection), answer)

    def _of_sessions(self, given: Mapping[str, str], now: datetime) -> Question:
        selection, extra = self._selected(given, now)
        before = extra.pop("before", "")
        _take_nothing(extra)

        def answer() -> Told:
            told = self._board.sessions(selection, before=before, limit=SESSIONS)
            rows = told.rows()
            more = {"next": rows[-1]["cursor"] if len(rows) == SESSIONS else None}
            return told.publication, dumped(_document(selection, told, rows) | more)

        return Question(("sessions", selection, before), answer)

    def _selected(
        self, given: Mapping[str, str], now: datetime
    ) -> tuple[Selection, dict[str, str]]:
        """The selection in an address, and what it says beside it."""
        selecting = {name: text for name, text in given.items() if name in SELECTING}
        selection = Selection.of(selecting, timezone=self._timezone, now=now)
        return selection, {name: text for name, text in given.items() if name not in SELECTING}

    def _tag(self, publication: Publication, key: object) -> str:
        """Weak: what is sent may be coded in several ways."""
        told = sha256(repr((self._version, key)).encode()).hexdigest()[:12]
        return f'W/"{publication.identity}-{told}"'

    def _found(self, publication: Publication, question: Question) -> bytes | None:
        """A line with its end, if the answer is still here."""
        body = self._kept.find((publication.identity, question.key))
        return body and body + b"\n"

    async def _line(self, name: str, asked: Asked, shown: Shown) -> bytes:
        try:
            found = self._found(shown.publication, asked(shown.at))
            return found or (await self._answered(asked, shown.at))[1] + b"\n"
        except (DwellError, Refused) as error:
            refused = self._troubles.refusal(error)
            return dumped({"panel": name, "problem": described(refused)}) + b"\n"

    def _note(self, panel: Panel, given: Mapping[str, str], asked: Asked) -> None:
        if not _is_of_now(panel):
            question = (panel.name, tuple(sorted(given.items())))
            self._ahead.note(question, partial(self._answered, asked))

    async def _answered(self, asked: Asked, now: datetime) -> Told:
        """What the newest publication answers; it is kept."""
        question = asked(now)
        told = await self._asking.run((now, question.key), question.answer)
        publication, body = told
        self._kept.keep((publication.identity, question.key), body)
        return told

    async def _prepared(self, now: datetime) -> None:
        """Have in memory what filters and other periods are counted from, of the longest one if that is
        cheap."""
        longest, usual = (
            Selection.of(given, timezone=self._timezone, now=now) for given in (LONGEST, {})
        )

        def prepare() -> bool:
            return self._board.prepare(longest, PREPARED) or self._board.prepare(usual)

        await self._asking.run(("prepared", longest), prepare)

    async def _reply(
        self,
        request: Request,
        asked: Asked,
        media_type: str = "application/json",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        asked(datetime.now(UTC))  # who asks in a wrong way is told so, whatever is published
        shown = await self._newest.shown()
        publication, question = shown.publication, asked(shown.at)
        tag = self._tag(publication, question.key)
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"cache-control": PRIVATE, "etag": tag})
        body = self._kept.find((publication.identity, question.key))
        if body is None:
            # By now the newest may be another one: what is told is of that.
            told = await unless_gone(request.receive, self._answered(asked, shown.at))
            if told is None:
                return Response(status_code=204)
            publication, body = told
        kept = {"cache-control": PRIVATE, "etag": self._tag(publication, question.key)}
        return Response(body, headers={**kept, **headers}, media_type=media_type)


def _panel(name: str) -> Panel:
    for panel in panels():
        if panel.name == name:
            return panel
    offered = ", ".join(panel.name for panel in panels())
    raise Refused(Cause.NOT_FOUND, f"there is no panel {name!r}: expected one of {offered}")


def _parted(given: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What each of several panels is asked with, by its name, in the order in which they are named."""
    common = {name: text for name, text in given.items() if name != "panels" and "." not in name}
    several = {name: dict(common) for name in given.get("panels", "").split(",")}
    for full, text in given.items():
        panel, dot, name = full.partition(".")
        if dot and panel not in several:
            raise QuestionInvalid(f"there is no {full}: {panel!r} is none of the panels asked for")
        if dot:
            several[panel][name] = text
    return several


def _described(panel: Panel) -> dict[str, Any]:
    return {
        "name": panel.name,
        "question": panel.question,
        "story": list(panel.story),
        "columns": _columns(panel.name, panel.columns),
        "parameters": [*SELECTING, *(each.name for each in panel.parameters)],
    }


def _take_nothing(extra: Mapping[str, str]) -> None:
    for name in extra:
        expected = ", ".join(SELECTING)
        raise QuestionInvalid(f"there is no {name} here: expected some of {expected}")


def _is_of_now(panel: Panel) -> bool:
    return "now" in panel.named


def _moment_of(panel: Panel) -> int:
    """What makes one question of a panel about now another one than that of some seconds ago."""
    return int(time.time() / LIVE_SECONDS) if _is_of_now(panel) else 0


def _json(panel: Panel, selection: Selection, answer: Answer) -> bytes:
    named = {"panel": panel.name, "question": panel.question}
    return dumped(named | _document(selection, answer, answer.rows(), panel.name))


def _columns(panel: str, columns: Iterable[Column]) -> list[dict[str, str]]:
    return [
        {
            "name": each.name,
            "heading": heading(panel, each),
            "meaning": each.meaning,
            "unit": each.unit,
        }
        for each in columns
    ]


def _document(
    selection: Selection, answer: Answer, rows: list[dict[str, Any]], name: str = "sessions"
) -> dict[str, Any]:
    measured = answer.publication.measured_since
    return _published(answer.publication) | {
        "since": iso(selection.since),
        "until": iso(selection.until),
        "before": iso(selection.before),
        "before_until": iso(selection.before_until),
        "ends_now": selection.ends_now,
        "by": selection.bucket,
        "filters": selection.filters(),
        "measured_since": measured and iso(measured),
        "compared": selection.has_before(measured),
        "columns": _columns(name, answer.columns),
        "rows": rows,
    }


def _published(publication: Publication) -> dict[str, Any]:
    return {
        "publication": publication.identity,
        "published_at": iso(publication.published_at),
    }


def dumped(document: object) -> bytes:
    """As JSON, in few bytes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


FORMS: Mapping[str, tuple[str, Callable[[Panel, Selection, Answer], bytes]]] = {
    "json": ("application/json", _json),
    "arrow": ("application/vnd.apache.arrow.stream", lambda *given: given[-1].arrow()),
    "csv": ("text/csv; charset=utf-8", lambda *given: given[-1].csv().encode()),
}
