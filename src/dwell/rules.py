"""Rules: how a warehouse counts, where that is not how the browsers told it."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dwell.errors import RulesInvalid

LONGEST = 34_560_000
"""Seconds in 400 days, the most that a fact can tell of."""
SHORTEST_WORD, LONGEST_WORD = 3, 200

_SECONDS = f"a whole number of seconds from 1 to {LONGEST}"
_WORD = f"a text of {SHORTEST_WORD} to {LONGEST_WORD} printable characters"
EXPECTED = {
    "version": "1, the one form of rules that this version of Dwell knows",
    "session_timeout": _SECONDS,
    "engagement_cap": _SECONDS,
    "bots": "a table with also and never",
    "also": f"a list, each item {_WORD}",
    "never": f"a list, each item {_WORD}",
}
"""By key, what would be right."""


def _word(value: str) -> str:
    if not value.isprintable() or not SHORTEST_WORD <= len(value.strip()) <= LONGEST_WORD:
        raise ValueError(value)
    return value.casefold()


def _each_once(words: tuple[str, ...]) -> tuple[str, ...]:
    """In one order, so that the same words are the same rules."""
    return tuple(sorted(set(words)))


Seconds = Annotated[int, Field(strict=True, ge=1, le=LONGEST)]
Word = Annotated[str, Field(strict=True), AfterValidator(_word)]
Words = Annotated[tuple[Word, ...], AfterValidator(_each_once)]


class Bots(BaseModel):
    """Which browser agents are robots, beside those that say so by themselves.

    Words are looked for as they stand, anywhere in the agent, capital or not. `never` wins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    also: Words = ()
    never: Words = ()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        for word in self.also:
            if word in self.never:
                both = "bots.also and bots.never both have {word}: expected it in one of them"
                raise PydanticCustomError("rules", both, {"word": repr(word)})
        if not self.also and not self.never:
            raise PydanticCustomError("rules", "bots is empty: expected words in also or never")
        return self

    def verdict(self, browser_agent: str) -> bool | None:
        """Whether it is a robot by these words; `None` if they say nothing of it."""
        agent = browser_agent.casefold()
        if any(word in agent for word in self.never):
            return False
        return True if any(word in agent for word in self.also) else None

    @property
    def digest(self) -> str:
        """A short name of the list."""
        return _digest(self.model_dump_json())


def _whole(value: Any) -> Any:
    """1, and neither 1.0 nor true, which Python takes for the same."""
    if type(value) is not int:
        raise ValueError(value)
    return value


class Rules(BaseModel):
    """What a rules file may set; at least one of the three.

    Attributes:
        version: of the form of these rules.
        session_timeout: seconds; a longer gap between two pageviews splits a browser's session.
        engagement_cap: seconds that one pageview can count at most.
        bots: which browser agents are robots.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[Literal[1], BeforeValidator(_whole)] = 1
    session_timeout: Seconds | None = None
    engagement_cap: Seconds | None = None
    bots: Bots | None = None

    @model_validator(mode="after")
    def _sets_something(self) -> Self:
        if self.session_timeout is None and self.engagement_cap is None and self.bots is None:
            none = "no rule is set: expected session_timeout, engagement_cap or bots"
            raise PydanticCustomError("rules", none)
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a TOML file.

        Raises:
            RulesInvalid: it cannot be read, or says something that no rule is; the message names
                the key, its value and what would be right.
        """
        try:
            found = tomllib.loads(path.read_text("utf-8-sig"))
        except OSError as error:
            raise RulesInvalid(f"{path} cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RulesInvalid(f"{path} is no TOML: {error}") from None
        return cls._of(found, str(path))

    @classmethod
    def parse(cls, text: str, of: str) -> Self:
        """From the `text` of rules, as `of` (a warehouse) holds it.

        Raises:
            RulesInvalid: a newer Dwell wrote it.
        """
        return cls._of(json.loads(text), of)

    @classmethod
    def _of(cls, found: dict[str, Any], source: str) -> Self:
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise RulesInvalid(f"{source}: {_refusal(first)}") from None

    def text(self) -> str:
        """As compact JSON: the same for the same rules, whatever the file looked like."""
        return json.dumps(self.model_dump(exclude_none=True), sort_keys=True, separators=(",", ":"))

    def toml(self) -> str:
        """As a rules file."""
        lines = [
            f"{name} = {value}\n"
            for name, value in self.model_dump(exclude={"bots"}, exclude_none=True).items()
        ]
        if self.bots:
            lines.append("\n[bots]\n")
            lines += [
                f"{name} = {json.dumps(words, ensure_ascii=False)}\n"
                for name, words in self.bots.model_dump().items()
                if words
            ]
        return "".join(lines)

    @property
    def digest(self) -> str:
        """A short name: the same rules have the same one."""
        return _digest(self.text())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _refusal(error: Any) -> str:
    """What is wrong with the first key that is."""
    if error["type"] == "rules":
        return str(error["msg"])
    keys = [each for each in error["loc"] if isinstance(each, str)]
    name = ".".join(keys) + "".join(f"[{each}]" for each in error["loc"] if isinstance(each, int))
    if error["type"] == "extra_forbidden":
        known = Bots if keys[:-1] else Rules
        return f"{name} is no rule: expected one of {', '.join(known.model_fields)}"
    expected = _WORD if "[" in name else EXPECTED[keys[-1]]
    return f"{name} is {error['input']!r}: expected {expected}"
