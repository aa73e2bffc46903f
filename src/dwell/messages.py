"""What the processes say, as lines of text for people or as JSON objects, one a line, for machines.

No message commands a terminal: what is a control character is written out, but for the end of a line
and the tab. And no message tells anything of a visitor: no id, no address, no agent, no address of a page. An object has
`time`, `level`, `logger`, `process` and `message`, and after a failure that nobody expected `exception`:
its type and where it came from, but not its own text, which may quote a fact.
"""

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

Form = Literal["text", "json"]

LAST_WORD = "dwell: "
"""What a line of text begins with that says why a command could not do its work."""
TRACEBACK = "Traceback (most recent call last):"
"""What places begin with in a line of text, as Python says it."""
SAYS_WHY = "dwell.cli"
"""The logger of such a line as an object."""

_CONTROLS = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"
}
_TURNING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Those that turn the direction of writing, so that a line reads as it does not stand."""
_CONTROLS |= {code: f"\\u{code:04x}" for code in _TURNING}
_JSON_CONTROLS = {code: f"\\u{code:04x}" for code in (*range(127, 160), *_TURNING)}
"""Those that JSON lets through."""

_process: str | None = None
"""Who says it; `None` while lines of text are said."""


def begin(form: Form, process: str, level: int | None = None) -> None:
    """From now on this process says everything in this form.

    Args:
        process: what it is called in objects.
        level: from which on lines of text are said, and say it; by default warnings are, and do not.
    """
    global _process  # one standard error, one way to write on it
    if form == "text":
        _process = None
        if level is not None:
            logging.basicConfig(level=level)
            _harmless(logging.getLogger().handlers, "%(levelname)s %(message)s")
        elif logging.lastResort is not None:
            _harmless([logging.lastResort])
        _hear_of_failures()
        return
    _process = process
    handler = logging.StreamHandler()
    handler.setFormatter(_Objects(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    _hear_of_failures()


def _hear_of_failures() -> None:
    sys.excepthook = _unexpected
    sys.unraisablehook = _unexpected_and_passed_over
    threading.excepthook = _unexpected_in_thread
    logging.getLogger("asyncio").addFilter(_without_what_it_had_in_hand)


def say(text: str) -> None:
    """Say something on standard output that is no trouble, as where the site is."""
    said = harmless(text) if _process is None else line(_process, text)
    print(said, flush=True)  # noqa: T201


def last_word(why: str) -> str:
    """The line that says why a command could not do its work."""
    if _process is None:
        return LAST_WORD + harmless(why)
    return line(_process, why, "CRITICAL", SAYS_WHY)


def line(process: str, message: str, level: str = "INFO", logger: str = "dwell") -> str:
    """An object, as a line."""
    return _written(datetime.now(UTC), level, logger, process, message)


def harmless(text: str) -> str:
    """The text with its control characters written out."""
    return text.translate(_CONTROLS)


def is_object(text: str) -> bool:
    """Whether a line is an object."""
    return text.startswith('{"time": ') and text.endswith("}")


def why(text: str) -> str | None:
    """What a line says if it is a process's last word, in either form."""
    if text.startswith(LAST_WORD):
        return text.removeprefix(LAST_WORD)
    if is_object(text) and f'"logger": "{SAYS_WHY}"' in text:
        said: str = json.loads(text)["message"]
        return said
    return None


class _Lines(logging.Formatter):
    """Formats log records as lines of text."""

    def format(self, record: logging.LogRecord) -> str:
        """What is said, and after a failure where it came from."""
        return harmless(super().format(record))

    def formatException(  # noqa: N802  logging's own name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """The places that a failure passed, and its type."""
        error = ei[1]
        if error is None:
            return ""
        places = (f"  {place}" for place in _places(error))
        return "\n".join([TRACEBACK, *places, type(error).__qualname__])


def _harmless(handlers: Iterable[logging.Handler], form: str | None = None) -> None:
    for handler in handlers:
        handler.setFormatter(_Lines(form))


class _Objects(logging.Formatter):
    """Formats log records as objects."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        error = record.exc_info[1] if record.exc_info else None
        return _written(
            datetime.fromtimestamp(record.created, UTC),
            record.levelname,
            record.name,
            self._process,
            record.getMessage(),
            {} if error is None else {"exception": _told(error)},
        )


def _written(
    time: datetime,
    level: str,
    logger: str,
    process: str,
    message: str,
    more: Mapping[str, object] | None = None,
) -> str:
    said = {
        "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "logger": logger,
        "process": process,
        "message": message,
    }
    return json.dumps(said | dict(more or {}), ensure_ascii=False).translate(_JSON_CONTROLS)


def _told(error: BaseException) -> dict[str, object]:
    """What may be said of an exception: its type and the places it passed, the last one being its own."""
    return {"type": type(error).__qualname__, "at": _places(error)}


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{each.filename}:{each.lineno} {each.name}" for each in frames]


def _unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    failed = (kind, error, trace)
    logging.getLogger("dwell").critical("ended by a failure that was not expected", exc_info=failed)


def _unexpected_in_thread(failed: threading.ExceptHookArgs) -> None:
    error = failed.exc_value or failed.exc_type()
    if isinstance(error, SystemExit):
        return
    logging.getLogger("dwell").critical("a thread ended by a failure", exc_info=error)


def _unexpected_and_passed_over(failed: "sys.UnraisableHookArgs") -> None:
    error = failed.exc_value or failed.exc_type()
    logging.getLogger("dwell").critical("a failure was passed over", exc_info=error)


def _without_what_it_had_in_hand(record: logging.LogRecord) -> bool:
    """Cut what asyncio says of a failure: the task or the call, and what they were given, stand behind it."""
    first_line = record.getMessage().partition("\n")[0]
    record.msg, record.args = first_line.partition(" in callback ")[0], ()
    return True
