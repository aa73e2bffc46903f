"""Where the dashboard is: paths within it, and the way from one of its pages to its root."""

import re
from typing import Any

_NEXT = re.compile(r"(?:sessions/[0-9A-Fa-f-]{36})?(?:\?[^#\\\s]*)?", re.ASCII)


def path_in(scope: Any) -> str:
    """The path below the mount; some frameworks leave the mount in `path`, some take it out."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return path or "/"


def root_from(scope: Any) -> str:
    """The root, relative to the page that is asked for: `.` from `/`, `..` from `/sessions/x`."""
    depth = path_in(scope).count("/") - 1
    return "/".join([".."] * depth) or "."


def here(scope: Any) -> str:
    """The page that is asked for, relative to the root, with its query: what `next` may be."""
    query = scope["query_string"].decode("latin-1")
    return path_in(scope).removeprefix("/") + (f"?{query}" if query else "")


def safe_next(text: str) -> str:
    """`text` if it names a page of the dashboard that one may be sent on to, else its first page."""
    return text if _NEXT.fullmatch(text) else ""
