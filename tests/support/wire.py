"""Bodies as clients post them, written by hand: what a test says is what goes over the wire."""

import json
from typing import Any

PAGEVIEW = "0193a5c2-7b6e-7c11-8f53-2d1f6f0a9c01"
SESSION = "0193a5c2-7b6a-7d20-9a41-5b8a3e6d7f02"

FACT: dict[str, Any] = {
    "type": "page.viewed",
    "version": 1,
    "pageview_id": PAGEVIEW,
    "seq": 0,
    "session_id": SESSION,
    "view": "dwell.site.pages.page_a.PageA",
    "identity": {"path": "/page_a", "title": "Page A"},
    "previous_pageview_id": None,
    "previous_seq": None,
    "referrer": "",
    "visibility": "visible",
    "engagement_ms": 0,
    "age_ms": 0,
    "delay_ms": 4,
}
LATER: dict[str, Any] = FACT | {"type": "page.visibility_changed", "seq": 1}


def body(*facts: Any) -> bytes:
    """The facts as a request."""
    return json.dumps({"facts": facts}).encode()


def written(field: str, raw: str, fact: dict[str, Any] = FACT) -> str:
    """A fact as JSON with one field's value written literally, for what no JSON writer writes."""
    rest = [f"{json.dumps(name)}: {json.dumps(fact[name])}" for name in fact if name != field]
    return "{" + ", ".join([*rest, f'"{field}": {raw}']) + "}"


def body_of(*facts: str) -> bytes:
    """Facts that are written already as a request."""
    return f'{{"facts": [{", ".join(facts)}]}}'.encode()
