"""Runs a program that knows no lifeline, and ends it with its starter, whatever ended that one.

`python tether.py PROGRAM ARGUMENT …`, with the lifeline as standard input: this process becomes the
program, so that its number and its exit status are the program's; a child that stays behind reads
the lifeline. Run as a file, without the package: it starts in some milliseconds.
"""

import os
import signal
import sys
import time

GRACE_SECONDS = 5.0
"""What a program whose starter is gone has to end in order; then it is killed."""


def main(command: list[str]) -> None:
    """Become the program; the child watches."""
    program = os.getpid()
    if os.fork() == 0:
        _watch(program)
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.execvp(command[0], command)  # noqa: S606


def _watch(program: int) -> None:
    # Ctrl-C and a hang-up are for the starter to obey.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    deadline = time.monotonic() + GRACE_SECONDS
    how = signal.SIGTERM
    # A child whose parent is gone has another one: so this never hits a stranger.
    while os.getppid() == program:
        os.kill(program, how)
        os.kill(program, signal.SIGCONT)
        while os.getppid() == program and time.monotonic() < deadline:
            time.sleep(0.02)
        how = signal.SIGKILL
        deadline = time.monotonic() + 1


if __name__ == "__main__":
    main(sys.argv[1:])
