"""Dwell tells how long visitors really looked at your pages."""


def __getattr__(name: str) -> str:
    """`__version__`, which takes a tenth of the time of a command to find out, and few ask for it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("dwell")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
