"""Secrets come from files, and nothing tells them again."""

import json
import os
from pathlib import Path

import pytest

from dwell.cli import COMMANDS, run
from dwell.errors import SettingInvalid
from dwell.events.kafka.connection import Connection
from dwell.settings import SECRETS, Settings, variable_of
from tests.support.dashboards import hashed, password_file
from tests.support.running import Process, environment

PASSWORD = "the-password-for-kafka"


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    """Settings with files that hold secrets, and what they need."""
    (kafka := tmp_path / "kafka-password").write_text(f"{PASSWORD}\n")
    dashboard = password_file(tmp_path)
    for file in (kafka, dashboard):
        file.chmod(0o600)
    return {
        "kafka_security": "sasl_plaintext",
        "kafka_username": "dwell",
        "kafka_password_file": str(kafka),
        "dashboard_password_file": str(dashboard),
    }


def test_no_secret_is_told_by_anything_that_people_can_see(
    secrets: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environ = environment(tmp_path / "data", 8000, **secrets)
    dashboard = Process("dashboard", environ=environ, output=tmp_path / "dashboard.out")
    try:
        dashboard.wait_for(f"http://127.0.0.1:{environ['DWELL_DASHBOARD_PORT']}/healthy")
        process = Path(f"/proc/{dashboard.pid}")
        seen = [(process / name).read_text() for name in ("cmdline", "environ")]
    finally:
        dashboard.stop()
    seen.append(dashboard.printed())
    for name, value in environ.items():
        if name.startswith("DWELL_"):
            monkeypatch.setenv(name, value)
    for command in (["doctor"], ["doctor", "--json"], *([each, "--help"] for each in COMMANDS)):
        run(command)
        told = capsys.readouterr()
        seen += [told.out, told.err]
    seen += [repr(Settings.read()), json.dumps(Settings.read().environment())]

    assert any(secrets["kafka_password_file"] in each for each in seen)
    for secret in (PASSWORD, hashed(), hashed().rpartition("$")[2]):
        assert not any(secret in each for each in seen)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_the_environment_is_refused_and_not_told(name: str) -> None:
    variable = variable_of(name).removesuffix("_FILE")
    with pytest.raises(SettingInvalid) as caught:
        Settings.read(environ={variable: PASSWORD, variable_of(name): "/a/file"})
    assert str(caught.value).startswith(f"{variable} is set")
    assert f"expected {variable}_FILE with the name of a file" in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "it is empty"), (b"\n", "it is empty"), (b"\xff", "no UTF-8")]
)
def test_a_file_that_holds_no_password_is_named(
    content: bytes, problem: str, secrets: dict[str, str]
) -> None:
    file = Path(secrets["kafka_password_file"])
    file.write_bytes(content)
    settings = Settings.read(secrets | {"log": "kafka://127.0.0.1:9/facts"}, {})
    with pytest.raises(SettingInvalid, match=f"DWELL_KAFKA_PASSWORD_FILE is '{file}'.*{problem}"):
        Connection.of(settings)


def test_a_file_that_is_not_there_is_named(secrets: dict[str, str]) -> None:
    given = secrets | {"log": "kafka://127.0.0.1:9/facts", "kafka_password_file": "/not/there"}
    with pytest.raises(SettingInvalid, match="DWELL_KAFKA_PASSWORD_FILE is '/not/there'"):
        Connection.of(Settings.read(given, {}))


def test_doctor_tells_of_a_file_that_is_empty_or_that_everybody_can_read(
    secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka, dashboard = (Path(secrets[f"{name}_password_file"]) for name in ("kafka", "dashboard"))
    kafka.write_text("")
    dashboard.chmod(0o644)
    for name in [each for each in os.environ if each.startswith("DWELL_")]:
        monkeypatch.delenv(name)
    for name, value in secrets.items():
        monkeypatch.setenv(variable_of(name), value)
    monkeypatch.setenv("DWELL_DATA", str(kafka.parent / "data"))
    run(["doctor"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"DWELL_KAFKA_PASSWORD_FILE is '{kafka}', which is empty" in said
    assert f"{dashboard} can be read by everybody" in said
