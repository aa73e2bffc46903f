from pathlib import Path

import pytest

from dwell import cli
from dwell.settings import Settings
from dwell.site.collector.keys import digest_of, keys_of


def test_a_key_is_told_once_and_its_digest_is_added_to_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    keys = []
    for name in ("shop", "till"):
        assert cli.run(["key", "new", name, "--api-keys-file", str(file)]) == 0
        keys.append(capsys.readouterr().out.strip())

    shop, till = keys
    assert keys_of(Settings(api_keys_file=file)) == (
        f"shop:{digest_of(shop)}",
        f"till:{digest_of(till)}",
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert shop not in file.read_text()


def test_without_a_file_the_line_for_the_variable_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["key", "new", "shop"]) == 0
    said = capsys.readouterr()
    assert said.err == f"to be added to DWELL_API_KEYS: shop:{digest_of(said.out.strip())}\n"


def test_a_name_is_given_once_and_is_plain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "keys")
    assert cli.run(["key", "new", "a b", "--api-keys-file", file]) == 2
    assert "the name is 'a b': expected 1 to 40 letters" in capsys.readouterr().err
    assert cli.run(["key", "new", "shop", "--api-keys-file", file]) == 0
    assert cli.run(["key", "new", "shop", "--api-keys-file", file]) == 2
    assert "has a key called 'shop'" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"garbage\n", b"\xff\xfe"])
def test_nothing_is_added_to_a_file_that_the_site_cannot_read(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "keys").write_bytes(content)
    assert cli.run(["key", "new", "shop", "--api-keys-file", str(file)]) == 2
    assert f"DWELL_API_KEYS_FILE is '{file}'" in capsys.readouterr().err
    assert file.read_bytes() == content


def test_a_line_without_an_end_is_ended_first(tmp_path: Path) -> None:
    (file := tmp_path / "keys").write_text("# of the shop")
    assert cli.run(["key", "new", "shop", "--api-keys-file", str(file)]) == 0
    assert file.read_text().startswith("# of the shop\nshop:")
