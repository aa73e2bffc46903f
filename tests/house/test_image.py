"""The Dockerfile, really built, without an engine; its image, really run."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.house import copy_to, packaged
from tests.support.images import Buildah, lacking

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_500), pytest.mark.xdist_group("image")]

SITE_PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'))"
SERVES = """
import subprocess, time, sys
site = subprocess.Popen(["dwell", "site"])
for _ in range(100):
    healthy = subprocess.run(["dwell", "healthy", "site"], capture_output=True, text=True)
    if healthy.returncode == 0:
        break
    time.sleep(0.1)
site.terminate()
print(healthy.stdout.strip(), site.wait(10))
"""


@dataclass(frozen=True)
class Image:
    """The image, and a container of it."""

    buildah: Buildah
    name: str
    container: str

    def said(self, *command: str) -> str:
        """What a command in the container prints."""
        return self.buildah.run(self.container, *command)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    lack = lacking()
    if lack:
        pytest.skip(f"no image can be built: {lack}")
    buildah = Buildah(tmp_path_factory.mktemp("images"))
    buildah.make_base()
    name = buildah.build(copy_to(tmp_path_factory.mktemp("context")))
    yield Image(buildah, name, buildah.start(name))
    buildah.close()


def test_it_runs_as_a_user_of_its_own_who_may_write_the_data(image: Image) -> None:
    assert image.buildah.config(image.name, "{{.Docker.Config.User}}") == "10001"
    assert image.said("id", "-u") == "10001"
    assert image.said("sh", "-c", "touch /data/here && echo written") == "written"


def test_it_holds_the_package_and_its_bytecode(image: Image) -> None:
    packages = image.said("python3", "-c", SITE_PACKAGES)
    held = image.said("find", f"{packages}/dwell", "-type", "f").splitlines()
    names = {name.removeprefix(f"{packages}/") for name in held}
    assert packaged().keys() - names == set()
    assert f"{packages}/dwell/__pycache__/cli.cpython-311.pyc" in held


def test_it_holds_no_tools_to_build_with(image: Image) -> None:
    for tool in ("pip", "pip3", "gcc", "cc", "make"):
        assert image.said("sh", "-c", f"command -v {tool} || echo none") == "none"


def test_the_site_answers_its_health_check_and_ends_when_told(image: Image) -> None:
    assert image.said("python3", "-c", SERVES).endswith("well 0")


def test_zones_and_certificates_are_there(image: Image) -> None:
    zone = "from zoneinfo import ZoneInfo; print(ZoneInfo('Europe/Berlin'))"
    assert image.said("python3", "-c", zone) == "Europe/Berlin"
    trusted = "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 50)"
    assert image.said("python3", "-c", trusted) == "True"
