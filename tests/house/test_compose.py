"""compose.yaml and the Dockerfile: right by their own rules, and right about Dwell."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

from dwell.cli import COMMANDS
from dwell.commands.broker.jars import VERSION
from dwell.events.kafka.dead_letters import SUFFIX, LetterPlan
from dwell.events.kafka.topic import Plan
from dwell.settings import Settings, variable_of
from dwell.site.dashboard.server import require_protection
from tests.support.composing import checker
from tests.support.house import LINKED, ROOT

COMPOSE = (ROOT / "compose.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PYTHONS = {"debian:12-slim": "3.11", "debian:13-slim": "3.13"}
"""What Debian's package `python3` is."""


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services, as YAML reads them."""
    found: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def checked(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What Docker Compose's own reader says to a compose file with this text."""
    program = checker()
    if isinstance(program, str):
        pytest.skip(program)
    file = folder / "compose.yaml"
    file.write_text(text)
    return subprocess.run([program, str(file)], capture_output=True, text=True, check=False)


@pytest.mark.timeout(700)  # the first time, Go builds the checker
def test_compose_reads_the_file(tmp_path: Path) -> None:
    done = checked(COMPOSE, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.timeout(700)
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("    healthcheck:", "    healthchek:", "healthchek"),
        ("      kafka:\n        condition", "      kafkaa:\n        condition", "kafkaa"),
        ("condition: service_healthy", "condition: healthy", "condition"),
        ("- kafka-data:/var", "- kafka-date:/var", "kafka-date"),
        ("- dashboard-password", "- dashboard-passwords", "dashboard-passwords"),
        ("127.0.0.1:8000:8000", "127.0.0.1:8000:eight", "eight"),
        ("stop_grace_period: 15s", "stop_grace_period: 15 seconds", "duration"),
        ("<<: *dwell", "<<: *dwel", "dwel"),
        ("  kafka-data:\n  dwell-data:", "  kafka-data:\n  kafka-data:", "kafka-data"),
        ("read_only: true", "read_only: perhaps", "read_only"),
        ("init: true", "init: [true]", "init"),
    ],
)
def test_a_file_that_is_wrong_is_refused(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    assert right in COMPOSE
    done = checked(COMPOSE.replace(right, wrong, 1), tmp_path)
    assert done.returncode == 1
    assert said in done.stderr


def linted(text: str) -> str:
    """What hadolint says to a Dockerfile."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--no-color", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    assert linted(DOCKERFILE) == ""


def test_the_linter_finds_what_is_wrong() -> None:
    assert "DL3020" in linted(DOCKERFILE.replace("COPY . ./", "ADD . ./"))


def test_kafka_is_the_version_that_the_tests_run(services: dict[str, Any]) -> None:
    images = [each["image"] for each in services.values() if "image" in each]
    assert {image for image in images if "apache" in image} == {f"apache/kafka:{VERSION}"}


def test_every_image_has_a_version(services: dict[str, Any]) -> None:
    for each in services.values():
        assert ("build" in each) != ("image" in each)
        assert "build" in each or re.search(r":v?\d+\.\d+\.\d+$", each["image"])


def own(services: dict[str, Any]) -> dict[str, Any]:
    """The services that run Dwell's image."""
    return {name: each for name, each in services.items() if "build" in each}


def test_every_service_runs_a_command_that_exists(services: dict[str, Any]) -> None:
    assert own(services).keys() == {"site", "project", "dashboard"}
    for each in own(services).values():
        for program, command, *_ in (each["command"], each["healthcheck"]["test"][1:]):
            assert program == "dwell"
            assert command in COMMANDS


def test_the_dashboard_reads_what_is_published_and_asks_for_a_password(
    services: dict[str, Any],
) -> None:
    dashboard = services["dashboard"]
    require_protection(Settings.read({}, dashboard["environment"]))
    assert dashboard["volumes"] == ["dwell-data:/data:ro"]
    assert "dashboard-password" in dashboard["secrets"]


@pytest.mark.parametrize("text", [COMPOSE, DOCKERFILE], ids=["compose.yaml", "Dockerfile"])
def test_every_variable_is_a_setting(text: str) -> None:
    known = {variable_of(name) for name in Settings.model_fields}
    assert set(re.findall(r"\bDWELL_[A-Z_]+", text)) <= known


def test_every_service_has_settings_that_can_be_read(services: dict[str, Any]) -> None:
    for name in ("site", "project"):
        settings = Settings.read({}, services[name]["environment"])
        assert settings.kafka_servers == ("kafka:9092",)
        assert settings.kafka_topic == "dwell-facts"


def topics(services: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """What the one-shot service makes: name, partitions, replicas, configuration."""
    script = services["topics"]["command"][-1].replace("\\\n", " ")
    for line in script.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            name, _, partitions, _, replicas, *options = words[1:]
            yield name, partitions, replicas, dict(o.split("=") for o in options[1::2])


def test_the_topics_are_made_as_dwell_itself_makes_them(services: dict[str, Any]) -> None:
    facts, dead_letters = topics(services)
    plan = Plan.of(Settings())
    assert facts == ("dwell-facts", f"{plan.partitions}", "1", plan.configuration(1))
    ninety_days = LetterPlan(1, 1, 90 * 86_400_000)
    assert dead_letters == (f"dwell-facts{SUFFIX}", "1", "1", ninety_days.configuration(1))


def test_nothing_that_is_published_is_open_to_other_machines(services: dict[str, Any]) -> None:
    published = [port for each in services.values() for port in each.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published), published


def test_the_image_s_python_is_one_that_dwell_runs_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert len(bases) == 2
    for base in bases:
        assert PYTHONS[base] in SpecifierSet(project["requires-python"])


def test_everything_that_the_wheel_is_made_of_reaches_the_builder() -> None:
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert kept == {"src", *LINKED, "pyproject.toml", "requirements.txt", "README.md", "LICENSE"}
