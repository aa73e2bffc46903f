"""The dashboard against axe's rules, in both colour schemes and both sizes."""

import pytest
from selenium.webdriver import Chrome

from tests.browser.dashboard.looking import PERIOD, Board
from tests.support.axe import source, violations

pytestmark = pytest.mark.browser

BARS = ("color-contrast",)
"""Axe cannot tell the colours behind a text that a bar or a picture lies behind. They are measured in
tests/site/dashboard/test_looks.py."""


def test_axe_finds_nothing_on_the_board(
    browser: Chrome, origin: str, screen: str, scheme: str
) -> None:
    board = Board(browser, origin).open(f"{PERIOD}&device=phone&steps=PageA")
    assert violations(browser, source(), BARS) == []
    assert board.ask("document.documentElement.scrollWidth <= innerWidth")
    board.find("#more summary").click()
    left, right = board.ask(
        "(({left, right}) => [left, innerWidth - right])"
        "(document.querySelector('#more > div').getBoundingClientRect())"
    )
    assert left >= 0
    assert right >= 0


@pytest.mark.parametrize(
    "scheme", ["light", pytest.param("dark", marks=pytest.mark.long)], indirect=True
)
def test_axe_finds_nothing_on_a_session_nor_behind_the_figures(board: Board, scheme: str) -> None:
    board.browser.execute_script(
        "for (const each of document.querySelectorAll('details')) each.open = true"
    )
    board.wait("document.querySelectorAll('.behind table').length > 10")
    assert violations(board.browser, source(), BARS) == []
    board.open(board.ask("document.querySelector('#sessions tbody a').pathname.slice(1)"))
    assert violations(board.browser, source(), BARS) == []
    assert board.ask("document.documentElement.scrollWidth <= innerWidth")


def test_the_colours_can_be_chosen_and_are_kept(board: Board) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    before = board.ask(colour)
    board.find("#theme").click()
    chosen = board.ask(colour)
    assert chosen != before
    board.open(PERIOD)
    assert board.ask(colour) == chosen
    board.browser.execute_script("localStorage.clear()")
