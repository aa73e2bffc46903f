"""What a browser agent means: browser, system, kind of device, robot or not."""

import re
from importlib.metadata import version

from ua_parser import Result, parse

from dwell.warehouse.projection import Agent

AGENT_DATA = f"ua-parser-builtins {version('ua-parser-builtins')}, words 1"
"""The version of what is known of agents; the words are those below."""

_ROBOT = re.compile(
    r"bot\b|crawl|spider|headless|curl/|wget/|python-|lighthouse|monitor", re.IGNORECASE
)
"""Robots that say so in a word that the parser's own list does not know."""
_PHONE_SYSTEMS = frozenset({"iOS", "Windows Phone", "KaiOS", "BlackBerry OS"})
_DESKTOP_SYSTEMS = frozenset(
    {
        "Windows",
        "Mac OS X",
        "Linux",
        "Ubuntu",
        "Fedora",
        "Debian",
        "Chrome OS",
        "FreeBSD",
        "OpenBSD",
    }
)


def describe(browser_agent: str) -> Agent:
    """What ua-parser and the words of the agent say; an unknown browser or system is `Other`."""
    found = parse(browser_agent)
    browser = found.user_agent.family if found.user_agent else "Other"
    system = found.os.family if found.os else "Other"
    is_bot = bool(_ROBOT.search(browser_agent)) or bool(
        found.device and found.device.family == "Spider"
    )
    return Agent(
        browser, system, "bot" if is_bot else _device(browser_agent, system, found), is_bot
    )


def _device(browser_agent: str, system: str, found: Result) -> str:
    """desktop, phone, tablet or other. Android says "Mobile" on phones alone."""
    family = found.device.family if found.device else ""
    if family == "iPad" or "Tablet" in browser_agent:
        return "tablet"
    if system == "Android":
        return "phone" if "Mobile" in browser_agent else "tablet"
    if system in _PHONE_SYSTEMS:
        return "phone"
    if system in _DESKTOP_SYSTEMS:
        return "desktop"
    return "other"
