"""What a browser agent means: browser, system, kind of device, robot or not."""

import re
from importlib.metadata import version

from ua_parser import Result, parse

from dwell.rules import Rules
from dwell.warehouse.projection import Agent

AGENT_DATA = f"ua-parser-builtins {version('ua-parser-builtins')}, words 1"
"""The version of what is known of agents; the words are those below. `agent_data` has the rules' too."""

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


def agent_data(rules: Rules | None) -> str:
    """What agents are described with under these rules."""
    return f"{AGENT_DATA}, bots {rules.bots.digest}" if rules and rules.bots else AGENT_DATA


def describe(browser_agent: str, rules: Rules | None = None) -> Agent:
    """What ua-parser and the words of the agent say; an unknown browser or system is `Other`.

    Whether it is a robot, the rules say first, if they say anything of it.
    """
    found = parse(browser_agent)
    browser = found.user_agent.family if found.user_agent else "Other"
    system = found.os.family if found.os else "Other"
    verdict = rules.bots.verdict(browser_agent) if rules and rules.bots else None
    is_bot = _says_so(browser_agent, found) if verdict is None else verdict
    return Agent(
        browser, system, "bot" if is_bot else _device(browser_agent, system, found), is_bot
    )


def _says_so(browser_agent: str, found: Result) -> bool:
    return bool(_ROBOT.search(browser_agent)) or bool(
        found.device and found.device.family == "Spider"
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
