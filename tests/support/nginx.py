"""nginx as a process of a test, with a file of `docs/examples/proxies`."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.house import ROOT
from tests.support.running import answers, wait_until

EXAMPLES = ROOT / "docs" / "examples" / "proxies"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def replaced(example: str, here: Mapping[str, str]) -> str:
    """An example with what is otherwise in this place: ports, and where the certificate is."""
    for old, new in here.items():
        assert old in example, old
        example = example.replace(old, new)
    return example


@contextmanager
def nginx(folder: Path, servers: str, port: int) -> Iterator[None]:
    """nginx with these servers, one of which listens on `port`, for the time of a `with`."""
    if NGINX is None:
        pytest.skip("nginx is not there")
    kept = "\n".join(
        f"    {name}_temp_path {folder};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\n{kept}\naccess_log off;\n{servers}\n}}\n"
    )
    with (folder / "nginx.out").open("wb") as output:
        process = subprocess.Popen(
            [NGINX, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")],
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/"))
        assert process.poll() is None, (folder / "nginx.out").read_text()
        yield
    finally:
        process.terminate()
        process.wait(20)
