"""The processes: do they run, and can they do their work?"""

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from dwell.commands.doctor.finding import Finding, note, well, wrong
from dwell.commands.healthy import EVERYWHERE
from dwell.health import PREFIX, READY
from dwell.locks import holder
from dwell.settings import Settings
from dwell.warehouse.live import ADVICE, damage

ANSWER_SECONDS = 5
WHY = {
    "log_unavailable": "it cannot make facts durable: the finding of the log says more",
    "log_full": "more waits for the log than DWELL_WAITING_BYTES allows",
    "no_space": "too little is free on the disk of the log: docs/keeping.md says what may go",
    "closing": "it is being stopped",
    "nothing_published": "nothing is published yet",
    "unreadable": "what is published cannot be read",
    "busy": "too much is asked of it at once",
}


def processes(settings: Settings) -> Iterator[Finding]:
    """Each of them. One that does not run is a note: it may be meant so."""
    yield _asked("site", settings.host, settings.port, settings.prefix, "dwell site")
    yield projector(settings)
    yield _asked(
        "dashboard", settings.dashboard_host, settings.dashboard_port, PREFIX, "dwell dashboard"
    )


def projector(settings: Settings) -> Finding:
    """Whether somebody holds the warehouse, or could. The lag says whether they do their work."""
    process = holder(settings.warehouse.with_name(f"{settings.warehouse.name}.lock"))
    if process is None and (why := damage(settings.warehouse)):
        return wrong(
            "projector",
            f"does not run, and cannot: {settings.warehouse} cannot be opened: {why}",
            ADVICE,
        )
    if process is None:
        return note("projector", "does not run on this machine", "`dwell up`, or `dwell project`")
    return well("projector", f"process {process} is at work on {settings.warehouse}")


def _readiness(host: str, port: int, path: str) -> tuple[bool, str]:
    """Whether it is ready, and if not, why.

    Raises:
        OSError, HTTPException: it does not answer.
        ValueError, KeyError, TypeError: the answer is none of Dwell's.
    """
    with closing(HTTPConnection(host, port, timeout=ANSWER_SECONDS)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            body = json.loads(answer.read(1_000))
            return bool(body["ready"]), str(body.get("reason", ""))


def _asked(name: str, host: str, port: int, prefix: str, command: str) -> Finding:
    host = EVERYWHERE.get(host, host)
    at = f"{host}:{port}"
    try:
        ready, why = _readiness(host, port, prefix + READY)
    except ConnectionRefusedError:
        return note(name, f"does not run on {at}", f"`dwell up`, or `{command}`")
    except (OSError, HTTPException) as error:
        said = f"does not answer on {at}: {error or type(error).__name__}"
        return wrong(name, said, "see what it says, and start it again")
    except (ValueError, KeyError, TypeError):
        said = f"something else answers on {at}"
        return wrong(name, said, "give one of the two another port")
    if ready:
        return well(name, f"is ready on {at}")
    return wrong(name, f"runs on {at} and is not ready", WHY.get(why, why))
