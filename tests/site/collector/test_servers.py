"""What servers state: who may, what is taken of it, and that it is all of a request or nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dwell.errors import SettingInvalid
from dwell.settings import Settings
from dwell.site import Dwell
from dwell.site.collector.keys import digest_of, new_key
from tests.support.collecting import NOW, VISITOR, Answer, Site, collecting, fact

KEY = new_key()
LINE = f"shop:{digest_of(KEY)}"
A_YEAR = 365 * 86_400_000
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"


def stated(seq: int = 0, **changed: Any) -> dict[str, Any]:
    """A good fact of a server, but for what is changed; `...` leaves a field out."""
    own = {"visitor_id": VISITOR, "browser_agent": AGENT, "occurred_at": NOW - A_YEAR}
    return fact(seq, **({"delay_ms": ...} | own | changed))


@pytest.fixture(scope="module")
def _servers() -> Iterator[Site]:
    with collecting(api_keys=LINE, allowed_origins="https://shop.example") as served:
        yield served


@pytest.fixture
def servers(_servers: Site) -> Site:
    """A site that knows one key."""
    _servers.forget()
    return _servers


def state(site: Site, *facts: Any, key: str | None = KEY, **headers: str) -> Answer:
    """The answer to facts of a server."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    told = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = json.dumps({"facts": facts}).encode()
    sent = {"Content-Type": "application/json"} | told | given
    return site.ask("POST", "/dwell/server/facts", body, sent)


def test_without_a_key_in_the_settings_there_is_no_such_endpoint(site: Site) -> None:
    assert state(site, stated()).status == 404
    assert site.kept == []


def test_a_fact_of_last_year_is_received_today_and_happened_then(servers: Site) -> None:
    assert state(servers, stated(1)).status == 204

    [event] = servers.events
    data = event["data"]
    assert event["time"] == "2025-11-18T11:06:40.000Z"
    assert (data["received_at"], data["delay_ms"]) == (NOW, A_YEAR)
    assert (data["visitor_id"], data["browser_agent"]) == (VISITOR, AGENT)
    assert "occurred_at" not in data
    assert servers.kept[0].key == VISITOR.encode()


def test_a_fact_of_1970_is_taken(servers: Site) -> None:
    assert state(servers, stated(occurred_at=0)).status == 204
    assert servers.events[0]["time"] == "1970-01-01T00:00:00.000Z"


def test_its_record_is_that_of_a_browser_s_fact_at_that_moment(servers: Site) -> None:
    state(servers, stated(2, occurred_at=NOW - 4))
    servers.post(
        fact(2, delay_ms=4), headers={"Cookie": f"dwell_visitor={VISITOR}", "User-Agent": AGENT}
    )

    by_server, by_browser = servers.kept
    assert by_server == by_browser


def test_a_clock_that_is_a_little_ahead_is_believed_and_no_other(servers: Site) -> None:
    assert state(servers, stated(occurred_at=NOW + 1_000)).status == 204
    assert servers.events[0]["time"] == "2026-11-18T11:06:41.000Z"
    assert servers.events[0]["data"]["delay_ms"] == 0

    refused = state(servers, stated(occurred_at=NOW + 1_001))
    assert (refused.status, refused.pointers) == (400, ["/facts/0/occurred_at"])
    assert "1001 ms ahead of the collector's clock" in refused.problem["errors"][0]["detail"]


def test_one_wrong_fact_keeps_all_of_a_request_out_and_all_that_is_wrong_is_named(
    servers: Site,
) -> None:
    facts = [
        stated(),
        stated(1, engagement_ms=-1, view=""),
        stated(2),
        stated(3, occurred_at="2025-11-23"),
        stated(4, visitor_id=...),
        stated(5, delay_ms=4),
        stated(6, sessoin_id="x"),
        "no fact",
    ]

    answer = state(servers, *facts)

    assert (answer.status, answer.problem["accepted"]) == (400, 0)
    assert set(answer.pointers) == {
        "/facts/1/engagement_ms",
        "/facts/1/view",
        "/facts/3/occurred_at",
        "/facts/4/visitor_id",
        "/facts/5/delay_ms",
        "/facts/6/sessoin_id",
        "/facts/7",
    }
    details = {each["pointer"]: each["detail"] for each in answer.problem["errors"]}
    assert details["/facts/3/occurred_at"] == (
        'occurred_at is "2025-11-23": expected an integer, milliseconds since 1970 in UTC'
    )
    assert details["/facts/5/delay_ms"] == '"delay_ms" is 4: expected none, but occurred_at'
    assert servers.kept == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("occurred_at", -1),
        ("occurred_at", 1.5),
        ("occurred_at", True),
        ("occurred_at", 2**70),
        ("visitor_id", "me"),
        ("browser_agent", "x" * 513),
        ("browser_agent", "\x00"),
        ("pageview_id", "6f1d3f0a-93a5-4c2e-8b6e-7c110a9c0153"),
        ("version", 2),
        ("age_ms", 34_560_000_001),
        ("identity", {"deep": 2**64}),
    ],
)
def test_each_field_is_read_strictly(servers: Site, field: str, value: object) -> None:
    answer = state(servers, stated(1, **{field: value}))

    assert (answer.status, answer.pointers) == (400, [f"/facts/0/{field}"])
    assert servers.kept == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {new_key()}"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"Authorization": f"Bearer {digest_of(KEY)}"},
        {"Cookie": f"key={KEY}"},
    ],
)
def test_without_the_key_nobody_is_let_in(servers: Site, headers: dict[str, str]) -> None:
    answer = state(servers, stated(), key=None, **headers)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "dwell key new" in answer.problem["detail"]
    assert KEY not in answer.body.decode()
    assert servers.kept == []


def test_wrong_keys_are_limited_by_address_and_the_right_one_is_not() -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    with collecting(api_keys=LINE, trusted_proxies="127.0.0.1", rate_limit=1) as site:
        wrong = [state(site, stated(), key=new_key(), **forwarded).status for _ in range(30)]
        right = [state(site, stated(), **forwarded).status for _ in range(30)]

    assert wrong[:10] == [401] * 10
    assert wrong[-1] == 429
    assert right == [204] * 30


def test_what_a_browser_would_say_changes_nothing(servers: Site) -> None:
    said = {"Sec-GPC": "1", "DNT": "1", "Cookie": f"dwell_visitor={VISITOR[::-1]}"}
    answer = state(servers, stated(), Origin="https://shop.example", **said)

    assert answer.status == 204
    assert {"set-cookie", "access-control-allow-origin"}.isdisjoint(answer.headers)
    assert servers.events[0]["data"]["visitor_id"] == VISITOR


def test_no_preflight_is_granted(servers: Site) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = servers.ask("OPTIONS", "/dwell/server/facts", headers=asked)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert "access-control-allow-origin" not in answer.headers


def test_what_is_too_much_or_no_list_is_refused(servers: Site) -> None:
    assert state(servers, *[stated(seq) for seq in range(101)]).status == 413
    assert state(servers, stated(identity={"long": "x" * 70_000})).status == 413
    assert state(servers).status == 400
    assert state(servers, stated(), Content_Type="image/png").status == 415
    assert state(servers, stated(), Content_Encoding="gzip").status == 415
    assert servers.kept == []


def test_a_log_that_fails_is_answered_503_and_counted(servers: Site) -> None:
    servers.log.fail("a broken disk")
    answer = state(servers, stated())
    servers.log.resume()

    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert state(servers, stated()).status == 204
    assert servers.dwell.collector.counts.accepted == 1
    assert servers.dwell.collector.waiting == 0


def test_keys_of_a_file_are_known_beside_those_of_the_variable(tmp_path: Path) -> None:
    another = new_key()
    (file := tmp_path / "keys").write_text(f"# of the till\n\ntill:{digest_of(another)}\n")
    with collecting(api_keys=LINE, api_keys_file=file) as site:
        assert state(site, stated()).status == 204
        assert state(site, stated(), key=another).status == 204
        assert state(site, stated(), key=new_key()).status == 401


@pytest.mark.parametrize(
    "content",
    ["till", f"till:{KEY}", b"\xff\xfe", None],
    ids=["no digest", "the key itself", "no text", "no file"],
)
def test_a_file_that_holds_something_else_is_named(
    tmp_path: Path, content: str | bytes | None
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(
        SettingInvalid, match=r"DWELL_API_KEYS_FILE is .*expected a file with a line"
    ):
        Dwell(Settings(data=tmp_path, api_keys_file=file))
