"""The rules file."""

from pathlib import Path

import pytest

from dwell.errors import RulesInvalid
from dwell.rules import Bots, Rules
from tests.support.examples import examples

SECONDS = "expected a whole number of seconds from 1 to 34560000"
WORD = "expected a text of 3 to 200 printable characters"
WRONG = {
    "": "no rule is set: expected session_timeout, engagement_cap or bots",
    "version = 2\nsession_timeout = 5": "version is 2: expected 1,",
    "version = true\nsession_timeout = 5": "version is True: expected 1,",
    "session_timeout = '10 minutes'": f"session_timeout is '10 minutes': {SECONDS}",
    "session_timeout = 600.0": f"session_timeout is 600.0: {SECONDS}",
    "session_timeout = true": f"session_timeout is True: {SECONDS}",
    "engagement_cap = 0": f"engagement_cap is 0: {SECONDS}",
    "engagement_cap = 34560001": f"engagement_cap is 34560001: {SECONDS}",
    "timeout = 600": "timeout is no rule: expected one of version, session_timeout, engagement_cap",
    "bots = ['curl']": "bots is ['curl']: expected a table with also and never",
    "[bots]": "bots is empty: expected words in also or never",
    "[bots]\nonly = ['curl']": "bots.only is no rule: expected one of also, never",
    "[bots]\nalso = 'curl'": f"bots.also is 'curl': expected a list, each item {WORD[9:]}",
    "[bots]\nalso = ['curl', 'x']": f"bots.also[1] is 'x': {WORD}",
    "[bots]\nalso = ['   ']": f"bots.also[0] is '   ': {WORD}",
    "[bots]\nalso = [1]": f"bots.also[0] is 1: {WORD}",
    '[bots]\nalso = ["a\\u0000bc"]': WORD,
    "[bots]\nalso = ['ABC']\nnever = ['abc']": "both have 'abc': expected it in one of them",
    "session_timeout 600": "is no TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named_with_its_value_and_what_would_be_right(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(RulesInvalid) as refused:
        Rules.read(tmp_path / "rules.toml")
    assert f"{tmp_path / 'rules.toml'}" in str(refused.value)
    assert WRONG[text] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid, match=r"none\.toml cannot be read: No such file"):
        Rules.read(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(RulesInvalid, match=r"bytes\.toml is no TOML"):
        Rules.read(tmp_path / "bytes.toml")


def test_the_file_in_the_docs_is_one_and_is_written_again_as_it_is(tmp_path: Path) -> None:
    [text] = examples("rules.md", "toml")
    (tmp_path / "rules.toml").write_text(text)
    rules = Rules.read(tmp_path / "rules.toml")
    assert rules == Rules(
        session_timeout=600,
        engagement_cap=1800,
        bots=Bots(also=("acme-monitor", "our load test"), never=("cubot",)),
    )
    assert f"# rules.toml\n{rules.toml()}" == text


def test_the_same_rules_have_one_text_and_one_name(tmp_path: Path) -> None:
    one = Rules(bots=Bots(also=("Acme", "zulu", "acme")), engagement_cap=5)
    other = Rules(version=1, engagement_cap=5, bots=Bots(also=("ZULU", "ACME"), never=()))
    assert one.text() == other.text()
    assert one.digest == other.digest != Rules(engagement_cap=6).digest
    assert Rules.parse(one.text(), "warehouse.duckdb") == one
    (tmp_path / "rules.toml").write_text(one.toml())
    assert Rules.read(tmp_path / "rules.toml") == one


def test_never_wins_and_words_are_no_patterns() -> None:
    bots = Bots(also=("acme", "a.me"), never=("acme phone",))
    assert bots.verdict("Mozilla ACME/1.0") is True
    assert bots.verdict("Mozilla (Acme Phone 3)") is False
    assert bots.verdict("Axme") is None
