"""What browser agents mean."""

import pytest

from dwell.consumers.agents import describe

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "described"),
    [
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/156.0.0.0 Safari/537.36",
            ("Chrome", "Linux", "desktop", False),
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
            ("Firefox", "Windows", "desktop", False),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            ("Mobile Safari", "iOS", "phone", False),
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            ("Mobile Safari", "iOS", "tablet", False),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {WEBKIT} Chrome/156.0.0.0 Mobile Safari/537.36",
            ("Chrome Mobile", "Android", "phone", False),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15; SM-X910) {WEBKIT} Chrome/156.0.0.0 Safari/537.36",
            ("Chrome", "Android", "tablet", False),
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            ("Googlebot", "Other", "bot", True),
        ),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/156.0.0.0 Safari/537.36",
            ("HeadlessChrome", "Linux", "bot", True),
        ),
        ("curl/8.5.0", ("curl", "Other", "bot", True)),
        ("", ("Other", "Other", "other", False)),
        ("\U0001f600" * 512, ("Other", "Other", "other", False)),
    ],
)
def test_an_agent_is_a_browser_on_a_system_on_a_device(
    agent: str, described: tuple[str, str, str, bool]
) -> None:
    assert describe(agent) == described
