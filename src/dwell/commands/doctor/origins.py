"""An origin: may its pages send facts?"""

from contextlib import closing
from http.client import HTTPConnection, HTTPException

from dwell.commands.doctor.finding import Finding, well, wrong
from dwell.commands.doctor.processes import ANSWER_SECONDS
from dwell.commands.healthy import EVERYWHERE
from dwell.settings import Settings


def origin(settings: Settings, asked: str) -> Finding:
    """What the site that runs says of pages of this origin; it is asked as a browser asks."""
    host = EVERYWHERE.get(settings.host, settings.host)
    try:
        status = _answered(host, settings.port, f"{settings.prefix}/facts", asked)
    except (OSError, HTTPException) as error:
        said = f"the site could not be asked about {asked}: {error or type(error).__name__}"
        return wrong("origin", said, "start the site, and ask again")
    if status == 204:
        return well("origin", f"pages of {asked} may send facts")
    if status == 403:
        return wrong(
            "origin",
            f"facts of {asked}'s pages are refused with 403",
            "add it to DWELL_ALLOWED_ORIGINS of the site and start that again; the site's own origin "
            "behind a proxy is not wanted there, and only the proxy can be asked about it",
        )
    said = f"asked about {asked}, what answers on {host}:{settings.port} says {status}"
    return wrong("origin", said, "is it the site, and is DWELL_PREFIX that of the site?")


def _answered(host: str, port: int, path: str, asked: str) -> int:
    with closing(HTTPConnection(host, port, timeout=ANSWER_SECONDS)) as connection:
        connection.request("OPTIONS", path, headers={"Origin": asked})
        with connection.getresponse() as answer:
            return answer.status
