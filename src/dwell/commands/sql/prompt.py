"""The prompt of `dwell sql`: one statement after the other, until a person leaves."""

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from dwell.commands.sql.answers import TEXT
from dwell.commands.sql.words import is_goodbye, is_word, say
from dwell.errors import DwellError
from dwell.warehouse.session import Session, is_complete

WORDS = (".tables", ".schema", ".help", ".quit")


def converse(session: Session, form: str) -> int:
    """Prompt until `.quit` or Ctrl-D. A statement that fails says why and ends nothing else."""
    prompt: PromptSession[str] = PromptSession(
        "dwell> ",
        multiline=True,
        prompt_continuation="    -> ",
        history=_history(),
        completer=Names(session),
        complete_while_typing=False,
        lexer=PygmentsLexer(SqlLexer),
        key_bindings=_keys(),
    )
    age = max(0, round((datetime.now(UTC) - session.published_at).total_seconds()))
    print(f"The warehouse, published {age} s ago. .help says what there is.")  # noqa: T201
    while True:
        try:
            text = prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if is_goodbye(text):
            return 0
        if text.strip():
            _respond(session, text, form)


def _respond(session: Session, text: str, form: str) -> None:
    try:
        if is_word(text):
            say(session, text, sys.stdout)
            return
        for result in session.run(text):
            TEXT[form](result, sys.stdout)
    except DwellError as error:
        print(error, file=sys.stderr)  # noqa: T201
    except KeyboardInterrupt:
        print("ended by Ctrl-C", file=sys.stderr)  # noqa: T201


def _keys() -> KeyBindings:
    """Enter ends a statement that is whole, and begins a new line in one that is not."""
    keys = KeyBindings()

    @keys.add("enter")
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = buffer.text
        if not text.strip() or is_word(text) or is_goodbye(text) or is_complete(text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys


def _history() -> History:
    """Kept in the user's state folder; where that cannot be written, for the session alone."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(state) / "dwell" / "sql_history"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


class Names(Completer):
    """Completes tables, columns and SQL's own words; after `table.` that table's columns alone."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keywords = session.keywords()

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """What could follow."""
        word = document.get_word_before_cursor(WORD=True).rpartition("(")[2].rpartition(",")[2]
        typed = word.rpartition(".")[2] if not word.startswith(".") else word
        for name, meaning in self._candidates(document, word):
            if name.lower().startswith(typed.lower()):
                yield Completion(name, -len(typed), display_meta=meaning)

    def _candidates(self, document: Document, word: str) -> Iterator[tuple[str, str]]:
        if is_word(document.text) and word.startswith("."):
            yield from ((each, "") for each in WORDS)
            return
        try:
            tables = self._session.tables()
        except DwellError:
            tables = []
        owner = word.rpartition(".")[0].lower()
        if any(each.name.lower() == owner for each in tables):
            tables = [each for each in tables if each.name.lower() == owner]
        else:
            yield from ((each.name, each.comment) for each in tables)
        fields = {column[0]: column[2] for each in tables for column in each.columns}
        yield from sorted(fields.items())
        if not owner:
            yield from ((each, "") for each in self._keywords)
