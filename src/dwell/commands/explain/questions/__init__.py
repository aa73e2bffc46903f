"""What is asked of the published warehouse about a pageview: SQL, one question a file."""

from functools import cache
from importlib.resources import files


@cache
def question(name: str) -> str:
    """The SQL of that name."""
    return (files(__name__) / f"{name}.sql").read_text()
