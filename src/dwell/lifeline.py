"""The lifeline: a pipe by which processes end with the one that started them, whatever ended it.

The kernel closes the starter's end however it dies, kill -9 included. `PR_SET_PDEATHSIG` would do
so only on Linux, and follows the thread that forked, not the process.
"""

import os
import signal
import threading
import time

VARIABLE = "DWELL_LIFELINE"
"""Names the file descriptor of the reading end, for a process that is started."""
GRACE_SECONDS = 9.0
"""What a process whose starter is gone has to end in order; then it is killed."""


class Lifeline:
    """The starter's end. Keep it for as long as what was started shall run."""

    def __init__(self) -> None:
        self.descriptor, self._held = os.pipe()

    def environment(self) -> dict[str, str]:
        """What a process must find in its environment, beside inheriting `descriptor`."""
        return {VARIABLE: str(self.descriptor)}

    def close(self) -> None:
        """Let go: what still runs ends now."""
        os.close(self._held)
        os.close(self.descriptor)


def follow() -> None:
    """End this process, as SIGTERM does, when the one that started it is gone.

    Does nothing in a process that was started without a lifeline.
    """
    given = os.environ.pop(VARIABLE, None)
    if given is None:
        return
    descriptor = int(given)
    os.set_inheritable(descriptor, False)
    threading.Thread(target=_wait, args=(descriptor,), name="lifeline", daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    # Whoever read the output is gone too: writing would fail from now on.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
