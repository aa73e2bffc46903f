"""What the operator hears of refusals: each cause at once, then seldom, and nothing of anybody."""

import pytest

from dwell.schemas.refusals import Reason
from dwell.site.collector.notices import LINES, PAUSE_SECONDS, Notices
from dwell.site.collector.refusals import Cause
from tests.support.collecting import PAGEVIEW, SESSION, VISITOR, Site, collecting, fact

ADDRESS = "198.51.100.7"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings so far."""
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_each_cause_is_told_once_and_without_personal_data(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with collecting(trusted_proxies="127.0.0.1", rate_limit=1) as site:
        for _ in range(3):
            site.post(fact(), origin="https://secret.example", cookie=f"dwell_visitor={VISITOR}")
            site.post(
                fact(), fact(view=7, referrer="secret" * 900), fact(secret=1, identity="secret")
            )
            site.post(fact(type="secret"))
            site.post(body=b"secret")
        for _ in range(15):
            site.post(fact(), x_forwarded_for=ADDRESS)

    lines = told(caplog)
    assert [line.partition(";")[0] for line in lines] == [
        "requests are refused with 403: other_origin",
        "some facts are refused: invalid_field",
        "some facts are refused: unknown_type",
        "some facts are refused: not_json",
        "requests are refused with 429: rate",
    ]
    for personal in ("secret", ADDRESS, VISITOR, PAGEVIEW, SESSION):
        assert personal not in "".join(lines)


def test_what_does_not_point_to_a_wrong_set_up_is_not_told(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.post(fact(), sec_gpc="1")
    site.ask("GET", "/dwell/nothing")
    site.ask("GET", "/dwell/facts")
    site.post(body=b" " * 70_000)

    assert told(caplog) == []


def test_a_cause_is_told_again_after_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    notices = Notices(lambda: now)
    for _ in range(3 * PAUSE_SECONDS):
        notices.refused(Cause.RATE)
        now += 1

    assert len(told(caplog)) == 3


def test_every_line_has_room_for_the_cause_alone() -> None:
    assert set(LINES) == {Cause.OTHER_ORIGIN, Cause.RATE, Cause.UNKNOWN_KEY, *Reason}
    for cause, line in LINES.items():
        assert str(cause) in line % cause
