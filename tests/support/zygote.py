"""The zygote: a process that has imported Dwell, and forks one for each `dwell …` that a test starts.

What is forked becomes what `python -m dwell.cli …` would have been, but for its imports, which take
longer than most of what tests ask it: it has a session, an environment, a folder, descriptors and
standard streams of its own, and it ends as any other. It is forked before anything was opened, read or
begun: the zygote has one thread, and imports of Dwell do nothing but define.
"""

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from multiprocessing import process
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

COMMAND = "dwell.cli"
LARGEST = 1 << 20
"""Bytes of an order at most: arguments and environment."""


class Order(NamedTuple):
    """What is to be forked, as the tests' process sends it, with three descriptors for its streams."""

    arguments: list[str]
    environ: dict[str, str]
    folder: str

    def sent(self) -> bytes:
        """As it goes through a socket."""
        return json.dumps(self).encode()


BEGINS_THREADS = ("minify",)
"""Packages that begin threads as soon as they are imported: whoever is forked does so when it uses them."""
QUIET = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}
"""In the zygote's environment: pyarrow's allocator begins none, and numpy's algebra neither."""


def preload() -> None:
    """Import whatever a command may import."""
    sys.modules.update({name: _late(name) for name in BEGINS_THREADS})
    dwell = importlib.import_module("dwell")
    for module in pkgutil.walk_packages(dwell.__path__, "dwell."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # else the first collection of each process would copy all of it
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, f"{len(threads)} threads after the imports: expected one, for a fork"


def _late(name: str) -> ModuleType:
    """What stands for a package until something of it is used."""
    stand_in = ModuleType(name)

    def load(attribute: str) -> Any:
        if sys.modules[name] is stand_in:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    vars(stand_in)["__getattr__"] = load
    return stand_in


def serve(orders: socket.socket) -> Order:
    """Fork until nobody gives orders any more, and then end what still runs and this process.

    Returns:
        in each process that was forked, what it has to become.
    """
    children: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        while True:
            for ready, _ in selector.select():
                if (handle := ready.fd) in children:
                    selector.unregister(handle)
                    _tell_the_end(handle, *children.pop(handle))
                    continue
                message, descriptors, _, _ = socket.recv_fds(orders, LARGEST, 4)
                if not message:
                    _end(children)
                pid = os.fork()
                if pid == 0:
                    selector.close()
                    orders.detach()
                    _take(descriptors)
                    return Order(*json.loads(message))
                *streams, answers = descriptors
                handle = os.pidfd_open(pid)
                children[handle] = pid, answers
                selector.register(handle, selectors.EVENT_READ)
                _tell_the_beginning(answers, pid, handle)
                for each in streams:
                    os.close(each)


def _tell_the_beginning(answers: int, pid: int, handle: int) -> None:
    line = socket.socket(fileno=answers)
    socket.send_fds(line, [str(pid).encode()], [handle])
    line.detach()


def _tell_the_end(handle: int, pid: int, answers: int) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):  # nobody wants to know
        os.write(answers, str(status).encode())
    os.close(answers)
    os.close(handle)


def _end(children: dict[int, tuple[int, int]]) -> NoReturn:
    """Nobody is left who would: kill what runs."""
    for handle, (pid, _) in children.items():
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.waitpid(pid, 0)
    os._exit(0)


def _take(descriptors: list[int]) -> None:
    """Have these as standard streams, and no other descriptor."""
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def become(order: Order) -> ModuleType:
    """Be as if `python -m dwell.cli` had just been started; returns its `__main__`, not yet run."""
    os.setsid()
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environ)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_streams(unbuffered=bool(order.environ.get("PYTHONUNBUFFERED")))
    # What multiprocessing starts again, it starts there.
    process.ORIGINAL_DIR = order.folder  # type: ignore[attr-defined]
    spec = find_spec(COMMAND)
    assert spec is not None
    sys.argv = [str(spec.origin), *order.arguments]
    sys.path[0] = order.folder
    return _main(spec)


def _open_streams(unbuffered: bool) -> None:
    """As Python opens them when it starts."""
    given = sys.stdin.encoding, sys.stdin.errors
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), *given)
    for number, name in ((1, "stdout"), (2, "stderr")):
        raw = io.FileIO(number, "wb", closefd=False)
        old = getattr(sys, name)
        stream = io.TextIOWrapper(
            raw if unbuffered else io.BufferedWriter(raw),
            encoding=old.encoding,
            errors=old.errors,
            line_buffering=name == "stderr" or os.isatty(number),
            write_through=unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.__stdin__ = sys.stdin  # type: ignore[misc]


def _main(spec: ModuleSpec) -> ModuleType:
    main = ModuleType("__main__")
    main.__spec__ = spec
    main.__loader__ = spec.loader
    main.__file__ = spec.origin
    main.__package__ = spec.parent
    sys.modules["__main__"] = main
    return main


def run(main: ModuleType) -> NoReturn:
    """Run the command to its end, and end in order.

    Python would also take apart every module that the zygote has imported, which takes longer than
    most commands: here only what the command itself has left is cleared away.
    """
    status: Any = 0
    try:
        exec(main.__loader__.get_code(COMMAND), vars(main))  # type: ignore[union-attr]
    except SystemExit as ended:
        status = ended.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = 120  # as Python says it
    os._exit(status or 0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, who end what they began
    preload()
    run(become(serve(socket.socket(fileno=int(sys.argv[1])))))
