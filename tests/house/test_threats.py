"""docs/threats.md: each threat names tests, and they are there."""

import re

import pytest

from tests.support.house import ROOT

PAGE = (ROOT / "docs/threats.md").read_text()
NAMED = re.findall(r"`(tests/[^`]+)`", PAGE)
THREATS = re.findall(r"^- \*\*.*$", PAGE, flags=re.MULTILINE)
ATTACKERS = PAGE.split("\n## ")[2:]


@pytest.mark.parametrize("name", sorted(set(NAMED)))
def test_every_test_that_is_named_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat[4:30])
def test_every_threat_names_a_test(threat: str) -> None:
    assert re.search(r"Tests: (`tests/[^`]+::[^`]+`(, |\.))+$", threat)


@pytest.mark.parametrize("attacker", ATTACKERS, ids=lambda text: text.partition("\n")[0])
def test_of_everybody_it_is_said_what_does_not_hold(attacker: str) -> None:
    assert "- **" in attacker
    if "forged cookie" not in attacker:
        assert "What does not hold: " in attacker
