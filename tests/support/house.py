"""The checkout itself: its files, as a commit of everything would hold them."""

import shutil
import subprocess
from pathlib import Path

import click

from dwell.cli import COMMANDS, commands

ROOT = Path(__file__).parents[2]
LINKED = ("site", "events", "consumers", "schemas", "warehouse")
"""The top-level folders that are imported as `dwell.…`."""


def files() -> list[str]:
    """Every file that git tracks or would add, as a path from the root; links are not followed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).exists()]


def packaged() -> dict[str, str]:
    """Every file that belongs to the package: its path in it, and its path from the root."""
    found = {}
    for name in files():
        folder, _, _rest = name.partition("/")
        if folder in LINKED:
            found[f"dwell/{name}"] = name
        elif name.startswith("src/") and not (ROOT / name).is_symlink():
            found[name.removeprefix("src/")] = name
    return found


def modules() -> dict[str, str]:
    """Every module's import name, and its path from the root."""
    return {
        inside.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name
        for inside, name in packaged().items()
        if inside.endswith(".py") and not inside.endswith("__main__.py")
    }


def every_command() -> list[str]:
    """The words after `dwell` of each command, as `site` or `dead-letters list`."""
    found = []
    for name in COMMANDS:
        command = commands.get_command(click.Context(commands), name)
        inner = command.commands if isinstance(command, click.Group) else {}
        found += [f"{name} {each}" for each in inner] or [name]
    return found


def copy_to(folder: Path) -> Path:
    """Copy the files to an empty folder, as a clone has them."""
    for name in files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    return folder
