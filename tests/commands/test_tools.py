"""The examples of docs/exporting.md and docs/tools.md, and the notebook, run as they stand there."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.examples import examples, need, run, run_each, run_shell, wanted
from tests.support.facts import Projected, glimpse
from tests.support.house import ROOT
from tests.support.publishing import copy_of

PAGES = ("exporting.md", "tools.md")
NOTEBOOK = ROOT / "docs" / "examples" / "engagement.ipynb"
VIEW = "dwell.site.pages.page_b.PageB"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each page a folder with a warehouse in `data` and what its exports wrote."""
    folders = {page: tmp_path_factory.mktemp(page) for page in PAGES}
    for page, folder in folders.items():
        with Projected(folder / "data" / "live" / "warehouse.duckdb") as projected:
            projected.append(
                [
                    glimpse(1),
                    glimpse(1, 1, engagement_ms=3000, visibility="hidden"),
                    glimpse(2, previous=1, previous_seq=1, referrer="/page_a"),
                    glimpse(2, 1, engagement_ms=9000, visibility="hidden"),
                    glimpse(3, view=VIEW, identity={"path": "/page_b"}, session=2, visitor=2),
                    glimpse(3, 1, view=VIEW, session=2, visitor=2, engagement_ms=20_000),
                ]
            ).project()
            copy_of(projected.warehouse, folder / "data")
        for command in commands(page):
            if command.startswith("dwell "):
                assert " rows, " in run_shell(command, folder).splitlines()[-1]
    return folders


def commands(page: str) -> list[str]:
    return [line for block in examples(page, "sh") for line in block.splitlines()]


def others(page: str) -> list[str]:
    return [command for command in commands(page) if not command.startswith("dwell ")]


@pytest.mark.parametrize("command", others("tools.md"))
def test_every_command_works(folders: dict[str, Path], command: str) -> None:
    printed = run_shell(command, folders["tools.md"])
    if "> seconds.csv" in command:
        written = (folders["tools.md"] / "seconds.csv").read_text()
        assert "/page_b,20.0" in written
    elif " to 'week.parquet'" not in command:
        assert printed


PROGRAMS = [(page, each) for page in PAGES for each in examples(page, "python")]


@pytest.fixture(scope="module")
def ended(folders: dict[str, Path]) -> list[tuple[str, str]]:
    """What each program printed, and how it failed if it did."""
    return run_each([(program, folders[page]) for page, program in PROGRAMS])


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_every_program_works(ended: list[tuple[str, str]], number: int) -> None:
    page, program = PROGRAMS[number]
    need(*wanted(program))
    printed, failed = ended[number]
    assert not failed, failed
    if page == "exporting.md":
        assert printed.startswith("One row for each pageview.")
    elif "read_csv" in program:
        assert re.search(r"^started_at +datetime64", printed, re.MULTILINE), "text, and no times"
    else:
        assert re.search(r"\b20\.0\b", printed), "the seconds of one page"


@pytest.mark.parametrize("query", examples("exporting.md", "sql"))
def test_every_query_has_an_answer(
    folders: dict[str, Path], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders["exporting.md"])
    with duckdb.connect() as connection:
        assert connection.execute(query).fetchall()[0][1].startswith("One row for each pageview.")


def test_the_notebook_runs_and_says_what_is_there(folders: dict[str, Path], tmp_path: Path) -> None:
    need("nbclient", "ipykernel", "pandas")
    homes = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    execute = (
        "import json, nbclient, nbformat, sys;"
        f"notebook = nbformat.read({str(NOTEBOOK)!r}, 4);"
        "nbclient.NotebookClient(notebook, kernel_name='python3').execute();"
        "json.dump(notebook, sys.stdout)"
    )
    environ = dict.fromkeys(homes, str(tmp_path))
    # The kernel warns that it listens on loopback.
    python = (sys.executable, "-P", "-c", execute)
    done = run(*python, folder=folders["tools.md"], quiet=False, **environ)
    shown = {cell["id"]: shown_by(cell) for cell in json.loads(done)["cells"]}
    assert shown["range"].splitlines()[1].split()[:4] == ["0", "3", "2", "2"]
    assert [line.split()[1:] for line in shown["by-view"].splitlines()[2:]] == [
        ["2", "6.0", "6.0", "8.4"],
        ["1", "20.0", "20.0", "20.0"],
    ]
    assert "     8 s         1  ████████████████████\n" in shown["spread"]


def shown_by(cell: dict[str, Any]) -> str:
    """What a cell prints, and its value, as text."""
    outputs = cell.get("outputs", [])
    return "".join(each.get("text") or each["data"]["text/plain"] for each in outputs)


def test_the_notebook_is_kept_without_what_a_run_leaves() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
