"""The client against a collector on a real socket."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from dwell.client import (
    Client,
    ClientError,
    FactsRefused,
    NotAdmitted,
    Pageview,
    Session,
    Unreachable,
    stretch,
    uuid7_of,
    uuid_of,
)
from dwell.site.collector.keys import digest_of, new_key
from tests.support.collecting import NOW, Site, collecting
from tests.support.examples import examples
from tests.support.house import ROOT
from tests.support.running import free_port

KEY = new_key()
THEN = datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(days=700)


@pytest.fixture(scope="module")
def _site() -> Iterator[Site]:
    with collecting(api_keys=f"till:{digest_of(KEY)}", rate_limit=1) as served:
        yield served


@pytest.fixture
def site(_site: Site) -> Site:
    """A site that knows the key."""
    _site.forget()
    return _site


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with Client(f"{site.origin}/dwell", KEY, patience=20) as made:
        yield made


def looks(number: int, **changed: Any) -> list[Pageview]:
    """So many pageviews of one session, one a minute, each seen for 30 s."""
    session = Session(id=uuid7_of(THEN, "session"), visitor=uuid_of("visitor"))
    usual: dict[str, Any] = {"session": session, "view": "till.Menu"}
    return [
        Pageview(seen=[stretch(THEN + timedelta(minutes=each), 30)], **(usual | changed))
        for each in range(number)
    ]


def test_many_pageviews_are_sent_in_batches_over_one_connection(site: Site, client: Client) -> None:
    assert client.send(iter(looks(130))) == 260

    assert len(site.kept) == 260
    times = [event["time"] for event in site.events]
    assert times == sorted(times)
    assert times[0].startswith(THEN.isoformat()[:19])


def test_a_batch_is_as_large_as_the_collector_takes(site: Site, client: Client) -> None:
    assert client.send(looks(60, identity={"text": "ü" * 300})) == 120
    assert len(site.kept) == 120


def test_the_example_of_the_docs_works_as_it_stands(site: Site) -> None:
    [example] = examples("servers.md", "python")
    exec(example.replace("https://shop.example", site.origin).replace("dwell_…", KEY), {})

    assert [event["time"] for event in site.events] == [
        "2025-11-23T12:00:00.000Z",
        "2025-11-23T12:00:12.500Z",
    ]
    assert site.events[1]["data"]["engagement_ms"] == 12_500


def test_nothing_is_nothing(site: Site, client: Client) -> None:
    assert client.send([]) == 0


def test_what_is_wrong_is_named_by_pageview_field_value_and_what_would_be_right(
    site: Site, client: Client
) -> None:
    good = looks(70)
    bad = [good[55], looks(1, view="")[0], *good[60:], looks(1, referrer="x" * 3000)[0]]

    with pytest.raises(FactsRefused) as caught:
        client.send([*good[:50], *bad])

    errors = caught.value.errors
    assert {(error.index, error.field) for error in errors} == {(51, "view"), (62, "referrer")}
    assert (errors[0].value, errors[0].fact["seq"]) == ("", 0)
    assert errors[0].detail == 'view is "": expected a string of 1 to 200 characters without NUL'
    assert str(caught.value).startswith("pageview 51: view is")
    assert len(site.kept) == 100, "the request before is kept, and of this one nothing"


def test_a_fact_that_no_request_has_room_for_is_named(site: Site, client: Client) -> None:
    pageviews = [*looks(1), *looks(1, identity={"text": "x" * 70_000})]
    with pytest.raises(FactsRefused) as refused:
        client.send(pageviews)
    [error] = refused.value.errors
    assert (error.index, error.field) == (1, "identity")
    assert error.detail.startswith("identity makes a fact of 70,")
    assert "expected one that fits into a request" in error.detail
    assert len(site.kept) == 2


def test_a_wrong_key_is_not_tried_again(site: Site) -> None:
    with Client(f"{site.origin}/dwell", new_key()) as stranger, pytest.raises(NotAdmitted):
        stranger.send(looks(1))


def test_a_collector_without_keys_and_another_prefix_are_told(site: Site) -> None:
    with (
        Client(f"{site.origin}/elsewhere", KEY) as astray,
        pytest.raises(NotAdmitted, match="has the collector a key in DWELL_API_KEYS"),
    ):
        astray.send(looks(1))


@pytest.mark.long
def test_a_log_that_is_away_for_a_moment_is_waited_for(site: Site, client: Client) -> None:
    site.log.fail("a broken disk")
    Timer(0.2, site.log.resume).start()

    assert client.send(looks(1)) == 2
    assert len(site.kept) == 2


def test_a_client_is_patient_for_so_long_and_no_longer() -> None:
    nobody = f"http://127.0.0.1:{free_port()}/dwell"
    with Client(nobody, KEY, patience=0) as client, pytest.raises(Unreachable, match="refused"):
        client.send(looks(1))


def test_a_connection_that_the_server_has_closed_is_made_again(site: Site, client: Client) -> None:
    client.send(looks(1))
    assert client._connection.sock is not None
    client._connection.sock.shutdown(2)
    assert client.send(looks(1)) == 2


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected one such as https://shop\.example/dwell"):
        Client("shop.example/dwell", KEY)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(
        ValueError, match=r"a password before shop\.example: expected none"
    ) as refused:
        Client("https://user:secret@shop.example/dwell", KEY)
    assert "secret" not in str(refused.value)


def test_a_key_is_told_to_nobody(site: Site) -> None:
    with Client(f"{site.origin}/dwell", f" {KEY}\r\n") as client:
        assert client.send(looks(1)) == 2
    for key in ("", f"{KEY}\n{KEY}", f"Bearer {KEY}", f"{KEY}é"):
        with pytest.raises(ValueError, match="expected what `dwell key new` printed") as refused:
            Client(f"{site.origin}/dwell", key)
        assert KEY not in str(refused.value)


def test_an_answer_of_somebody_else_is_shown(site: Site) -> None:
    with Client(f"{site.origin}/dwell", KEY) as astray:
        astray._path = "/dwell/beacon.js"
        with pytest.raises(ClientError, match="refused facts: 405 the method is"):
            astray.send(looks(1))


def test_it_wants_nothing_but_python_and_works_as_a_copy(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src" / "dwell" / "client", tmp_path / "sender")
    program = "import sys; sys.path.insert(0, '.'); import sender; print(sender.Client)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
