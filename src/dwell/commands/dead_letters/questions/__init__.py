"""What the commands ask the published warehouse, one question a file."""

from importlib.resources import files

_FOLDER = files(__name__)


def question(name: str) -> str:
    """The SQL of that name."""
    return (_FOLDER / f"{name}.sql").read_text()
