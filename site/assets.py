"""Styles, scripts and pictures of the pages: minified once, named by their content, kept for good."""

from pathlib import Path

import minify

from dwell.headers import DATA
from dwell.site.answer import Answer, digest

FOLDER = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = DATA | {"cache-control": "public, max-age=31536000, immutable"}


class Assets:
    """The files of `site/static`, read when made.

    Attributes:
        answers: URL path to answer, as `/static/site.0f3c….css`.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self._paths: dict[str, str] = {}
        for file in sorted(FOLDER.iterdir()):
            media_type = MEDIA_TYPES[file.suffix]
            body = minify.string(media_type.partition(";")[0], file.read_text("utf-8")).encode()
            path = f"/static/{file.stem}.{digest(body)}{file.suffix}"
            self.answers[path] = Answer(body, media_type, HEADERS)
            self._paths[file.name] = path

    def path(self, name: str) -> str:
        """The URL path of a file, as templates ask for it: `asset("site.css")`."""
        return self._paths[name]
