"""Promotion: one file is live before a rename, the other one after it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dwell.errors import WarehouseError
from dwell.rules import Rules
from dwell.shard import Shard
from dwell.warehouse import promotion
from dwell.warehouse.contents import read
from dwell.warehouse.live import LiveWarehouse
from dwell.warehouse.reading import Forgotten
from tests.support.facts import NOW, Projected, forgotten, glimpse, uuid7
from tests.support.promoting import empty, made
from tests.support.running import script


def facts(count: int) -> list[Any]:
    return [glimpse(number) for number in range(1, count + 1)]


def pageviews(path: Path) -> int:
    return read(path)[1].rows["pageview"]


def opened(live: Path) -> LiveWarehouse:
    """Opened and closed, as a projector does when it starts and ends."""
    with LiveWarehouse(live) as warehouse:
        return warehouse


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A live warehouse with three facts."""
    return made(tmp_path / "live" / "warehouse.duckdb", facts(3))


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """One with two facts, to take its place."""
    return made(tmp_path / "new.duckdb", facts(2))


def test_what_waits_takes_the_place_when_the_live_one_is_opened(live: Path, new: Path) -> None:
    promotion.offer(new, live, keep_former=True)
    assert promotion.waits(live)
    assert not new.exists()
    assert pageviews(live) == 3
    opened(live)
    assert not promotion.waits(live)
    assert (pageviews(live), pageviews(promotion.former(live))) == (2, 3)


def test_the_former_one_can_be_put_back_and_forth(live: Path, new: Path) -> None:
    promotion.offer(new, live, keep_former=True)
    opened(live)
    for expected in ((3, 2), (2, 3), (3, 2)):
        promotion.offer(promotion.former(live), live, keep_former=True)
        opened(live)
        assert (pageviews(live), pageviews(promotion.former(live))) == expected


def test_a_scrub_takes_the_place_and_nothing_stays_of_the_one_before(live: Path, new: Path) -> None:
    promotion.offer(new, live, keep_former=False)
    opened(live)
    assert pageviews(live) == 2
    names = {entry.name for entry in live.parent.iterdir()}
    assert names == {live.name, f"{live.name}.lock", f"{live.name}.scrubbed.lock"}


def test_a_scrub_comes_before_what_is_promoted(tmp_path: Path, live: Path, new: Path) -> None:
    promotion.offer(new, live, keep_former=True)
    promotion.offer(made(tmp_path / "scrub.duckdb", facts(1)), live, keep_former=False)
    opened(live)
    assert (pageviews(live), pageviews(promotion.former(live))) == (2, 1)


def test_it_goes_on_in_the_process_that_holds_the_lock(live: Path, new: Path) -> None:
    with LiveWarehouse(live) as warehouse:
        promotion.offer(new, live, keep_former=True)
        code = f"from dwell.warehouse.live import *; LiveWarehouse(Path({str(live)!r}))"
        warehouse.reopen()
        held = script(code)
        assert "WarehouseHeld" in held.stderr
        counted = warehouse.connection.execute("select count(*) from pageview").fetchall()
        assert counted == [(2,)]


def test_what_a_killed_projector_had_committed_is_in_the_former_one(
    tmp_path: Path, new: Path
) -> None:
    live = tmp_path / "live" / "warehouse.duckdb"
    code = (
        "import os; from pathlib import Path; from tests.support.facts import *;"
        f"Projected(Path({str(live)!r})).append([glimpse(n) for n in range(9)]).project();"
        "os.kill(os.getpid(), 9)"
    )
    assert script(code).status == -9
    assert live.with_name(f"{live.name}.wal").stat().st_size
    promotion.offer(new, live, keep_former=True)
    opened(live)
    assert (pageviews(live), pageviews(promotion.former(live))) == (2, 9)
    assert not live.with_name(f"{live.name}.wal").exists()


class Killed(BaseException):
    """In place of the process's end."""


STEPS = ("replace", "hardlink_to", "unlink", "sync")


def dying(patch: pytest.MonkeyPatch, step: int) -> None:
    """Have the process end before so many-th thing that it does to a file."""
    done = 0

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done == step:
                raise Killed
            return function(*arguments, **named)

        return call

    for owner in (os, Path, promotion):
        for name in STEPS:
            if hasattr(owner, name) and (owner, name) != (os, "unlink"):
                patch.setattr(owner, name, deadly(getattr(owner, name)))


def test_whatever_step_was_the_last_one_both_files_are_whole(tmp_path: Path) -> None:
    sources = [made(tmp_path / f"{count}.duckdb", facts(count)) for count in (4, 3, 2)]
    for step in range(1, 99):
        live = tmp_path / str(step) / "warehouse.duckdb"
        former, new = promotion.former(live), live.with_name("new.duckdb")
        former.parent.mkdir(parents=True)
        for source, target in zip(sources, (former, live, new), strict=True):
            shutil.copyfile(source, target)
        oldest, present = former.stat().st_ino, live.stat().st_ino
        offered = promotion.offer(new, live, keep_former=True)
        with pytest.MonkeyPatch.context() as patch, suppress(Killed):
            dying(patch, step)
            promotion.settle(live, None)
            break
        assert live.stat().st_ino == (present if promotion.waits(live) else offered)
        assert former.stat().st_ino in (oldest, present)
        promotion.settle(live, None)
        assert (live.stat().st_ino, former.stat().st_ino) == (offered, present)
        assert {entry.name for entry in former.parent.iterdir()} == {live.name}
    assert 5 < step < 99
    assert (pageviews(live), pageviews(former)) == (2, 3)


def test_what_is_withdrawn_in_between_leaves_all_as_it_was(
    tmp_path: Path, live: Path, new: Path
) -> None:
    promotion.offer(new, live, keep_former=True)
    opened(live)
    promotion.offer(made(tmp_path / "newer.duckdb", facts(5)), live, keep_former=True)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        dying(patch, 4)
        promotion.settle(live, None)
    assert promotion.former(live).with_name(f"{live.name}.coming").samefile(live)
    promotion.waiting(live).unlink()
    opened(live)
    assert (pageviews(live), pageviews(promotion.former(live))) == (2, 3)
    assert {entry.name for entry in promotion.former(live).parent.iterdir()} == {live.name}


def test_one_with_rules_takes_the_place_of_one_without_and_back(tmp_path: Path, live: Path) -> None:
    new = tmp_path / "ruled.duckdb"
    with Projected(new, rules=Rules(engagement_cap=30)) as ruled:
        ruled.warehouse.belong_to("log")
        ruled.append(facts(2)).project()
    promotion.offer(new, live, keep_former=True)
    with LiveWarehouse(live) as warehouse:
        assert warehouse.rules == Rules(engagement_cap=30)
        assert promotion.missing_until_published(warehouse.connection) == 1
        promotion.offer(promotion.former(live), live, keep_former=True)
        warehouse.reopen()
    assert read(live)[0].rules is None
    assert read(promotion.former(live))[0].rules


def test_the_way_back_is_known_though_the_promotion_was_killed(live: Path, new: Path) -> None:
    assert promotion.way_back(live) is None
    number = live.stat().st_ino
    promotion.offer(new, live, keep_former=True)
    replaced = os.replace

    def killed(*arguments: Any) -> None:
        replaced(*arguments)
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(os, "replace", killed)
        promotion.settle(live, None)
    back = promotion.way_back(live)
    assert back
    assert back.stat().st_ino == number
    promotion.offer(back, live, keep_former=True)
    opened(live)
    assert (pageviews(live), pageviews(promotion.former(live))) == (3, 2)


def a_newer_one(path: Path) -> Path:
    with LiveWarehouse(made(path, facts(1))) as warehouse, warehouse.transaction():
        warehouse.note("schema_version", "99")
    return path


def notes(path: Path) -> Path:
    path.write_text("these are notes, and no database at all\n" * 200)
    return path


def a_stranger(path: Path) -> Path:
    with duckdb.connect(path) as connection:
        connection.execute("create table pageview as select 1 as pageview_id")
    return path


@pytest.mark.parametrize(
    ("unfit", "why"),
    [
        (lambda path: made(path, facts(1), "another"), "was made from log another, and"),
        (lambda path: empty(path, "1/2"), "holds shard 1/2: expected all of the log"),
        (a_newer_one, r"has schema version 99: expected at most \d+; a newer Dwell"),
        (a_stranger, "projection_info"),
        (notes, "not a valid DuckDB database file"),
    ],
)
def test_what_does_not_fit_is_set_aside_and_the_live_one_stays(
    tmp_path: Path,
    live: Path,
    caplog: pytest.LogCaptureFixture,
    unfit: Callable[[Path], Path],
    why: str,
) -> None:
    unfit(tmp_path / "new.duckdb").rename(promotion.waiting(live))
    opened(live)
    assert not promotion.waits(live)
    assert promotion.refused(live).exists()
    assert pageviews(live) == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert re.search(f"could not take the place .*{why}", caplog.text)


def test_one_waits_at_a_time(tmp_path: Path, live: Path, new: Path) -> None:
    promotion.offer(new, live, keep_former=True)
    another = made(tmp_path / "another.duckdb", facts(1))
    with pytest.raises(WarehouseError, match=r"\.next waits already to take the place of .*"):
        promotion.offer(another, live, keep_former=True)
    assert pageviews(another) == 1


def test_what_another_process_has_open_stays_where_it_is(live: Path, new: Path) -> None:
    code = f"import duckdb; it = duckdb.connect({str(new)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(WarehouseError, match=r"cannot be opened for writing: .*lock"):
            promotion.offer(new, live, keep_former=True)
        other.communicate(b"\n")
    assert new.exists()
    assert not promotion.waits(live)


def test_the_write_ahead_log_of_a_file_comes_with_it(tmp_path: Path, live: Path) -> None:
    new = tmp_path / "new.duckdb"
    code = (
        "import os; from pathlib import Path; from tests.support.facts import *;"
        f"it = Projected(Path({str(new)!r})); it.warehouse.belong_to('log');"
        "it.append([glimpse(n) for n in range(7)]).project(); os.kill(os.getpid(), 9)"
    )
    assert script(code).status == -9
    assert new.with_name("new.duckdb.wal").stat().st_size
    promotion.offer(new, live, keep_former=True)
    assert not new.with_name("new.duckdb.wal").exists()
    opened(live)
    assert pageviews(live) == 7


def test_a_file_with_another_name_is_copied_so_that_nobody_writes_into_it(
    tmp_path: Path, live: Path, new: Path
) -> None:
    (tmp_path / "second.duckdb").hardlink_to(new)
    promotion.offer(new, live, keep_former=True)
    opened(live)
    assert not new.exists()
    assert not live.samefile(tmp_path / "second.duckdb")
    assert pageviews(live) == 2


def test_a_file_of_another_file_system_is_copied(live: Path, tmp_path: Path) -> None:
    here = tmp_path.stat().st_dev
    places = (Path("/dev/shm"), Path("/var/tmp"))
    others = [each for each in places if each.is_dir() and each.stat().st_dev != here]
    if not others:
        pytest.skip("there is no second file system to write to")
    elsewhere = others[0] / f"dwell-{os.getpid()}.duckdb"
    try:
        number = promotion.offer(made(elsewhere, facts(2)), live, keep_former=True)
        assert not elsewhere.exists()
        assert promotion.waiting(live).stat().st_ino == number
        assert {entry.name for entry in live.parent.iterdir()} >= {"warehouse.duckdb.next"}
        opened(live)
        assert pageviews(live) == 2
    finally:
        for left in others[0].glob(f"{elsewhere.name}*"):
            left.unlink()


def test_a_copy_of_a_published_file_will_do(tmp_path: Path, live: Path, new: Path) -> None:
    new.chmod(0o444)
    promotion.offer(new, live, keep_former=True)
    with Projected(live) as projected:
        projected.append(facts(3)).project()
        assert projected.rows("select count(*) from pageview") == [(3,)]
    assert live.stat().st_mode & 0o600 == 0o600


def test_where_no_warehouse_is_live_there_is_no_former_one(tmp_path: Path, new: Path) -> None:
    live = tmp_path / "elsewhere" / "warehouse.duckdb"
    promotion.offer(new, live, keep_former=True)
    with LiveWarehouse(live) as warehouse:
        assert promotion.missing_until_published(warehouse.connection) == 0
    assert pageviews(live) == 2
    assert not promotion.former(live).exists()


def test_a_write_ahead_log_of_another_file_is_not_applied(tmp_path: Path, new: Path) -> None:
    live = tmp_path / "elsewhere" / "warehouse.duckdb"
    promotion.offer(new, live, keep_former=True)
    live.with_name(f"{live.name}.wal").write_bytes(b"of a file that was moved away")
    with pytest.raises(WarehouseError, match=r"\.wal is there, .* move it away"):
        opened(live)
    assert promotion.waits(live)


def test_a_live_file_that_cannot_be_opened_is_named_with_what_waits(live: Path, new: Path) -> None:
    promotion.offer(new, live, keep_former=True)
    live.write_text("no warehouse any more" * 1000)
    with pytest.raises(WarehouseError, match=r"cannot be opened, and .*\.next waits for its place"):
        opened(live)
    live.unlink()
    opened(live)
    assert pageviews(live) == 2


def awaited(live: Path) -> tuple[int, dict[int, int]]:
    """How much it must read before it is published, and how far it has come."""
    with LiveWarehouse(live) as warehouse:
        return promotion.missing_until_published(warehouse.connection), warehouse.positions()


def test_it_is_to_read_what_the_one_before_knew(tmp_path: Path, live: Path, new: Path) -> None:
    promotion.offer(new, live, keep_former=True)
    assert awaited(live) == (1, {0: 2})
    promotion.offer(made(tmp_path / "newer.duckdb", facts(1)), live, keep_former=True)
    assert awaited(live) == (2, {0: 1})
    with LiveWarehouse(live) as warehouse, warehouse.transaction() as connection:
        promotion.release(connection)
    assert awaited(live) == (0, {0: 1})


def test_it_is_to_forget_whom_the_one_before_had_forgotten(tmp_path: Path, new: Path) -> None:
    live = made(tmp_path / "live" / "warehouse.duckdb", facts(3))
    with Projected(live) as projected:
        projected.forget([Forgotten(uuid7(1), NOW + 9)])
    promotion.offer(made(tmp_path / "same.duckdb", facts(3)), live, keep_former=True)
    assert awaited(live) == (1, {0: 3})
    promotion.offer(made(tmp_path / "newer.duckdb", facts(3)), live, keep_former=True)
    assert awaited(live) == (1, {0: 3})
    with Projected(live) as projected:
        projected.append([*facts(3), forgotten(1, NOW + 9)]).project()
    assert awaited(live)[0] == 0


def test_of_two_erasures_of_one_visitor_the_later_one_is_owed(tmp_path: Path) -> None:
    live = made(tmp_path / "live" / "warehouse.duckdb", facts(3))
    with Projected(live) as projected:
        projected.forget([Forgotten(uuid7(1), NOW + 9)])
    other = made(tmp_path / "other.duckdb", facts(3))
    with Projected(other) as projected:
        projected.forget([Forgotten(uuid7(1), NOW + 5)])
    promotion.offer(other, live, keep_former=True)
    assert awaited(live) == (1, {0: 3})
    again = made(tmp_path / "again.duckdb", facts(3))
    with Projected(again) as projected:
        projected.forget([Forgotten(uuid7(1), NOW + 7)])
    promotion.offer(again, live, keep_former=True)
    assert awaited(live) == (1, {0: 3})


def test_a_shard_is_promoted_to_its_own(tmp_path: Path) -> None:
    live, shard = tmp_path / "warehouse-1-of-2.duckdb", Shard.parse("1/2")
    empty(live, "1/2")
    empty(tmp_path / "new.duckdb", "2/2").rename(promotion.waiting(live))
    LiveWarehouse(live, shard).close()
    assert promotion.refused(live).exists()
    promotion.offer(empty(tmp_path / "right.duckdb", "1/2"), live, keep_former=True)
    LiveWarehouse(live, shard).close()
    assert promotion.former(live).name == "warehouse-1-of-2.duckdb"
    assert not promotion.waits(live)
