"""The zygote: a process that has imported Dwell, and forks one for each `dwell …` that a test starts.

What is forked becomes what `python -m dwell.cli …` would have been, but for its imports, which take
longer than most of what tests ask it: it has a session, an environment, a folder, descriptors and
standard streams of its own, and it ends as any other. It is forked before anything was opened, read or
begun: the zygote has one thread, and imports of Dwell do nothing but define.

Whoever wants processes has a line to it, on a socket in the file system: all workers of a run share one.
"""

import atexit
import fcntl
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
import termios
import threading
import time
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from multiprocessing import process
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple, NoReturn

COMMAND = "dwell.cli"
LARGEST = 1 << 20
"""Bytes of an order at most: arguments and environment."""


class Order(NamedTuple):
    """What is to be forked, as the tests' process sends it, with three descriptors for its streams.

    Attributes:
        lines: of Python, to be run in place of `dwell`, as by `python -c`.
    """

    arguments: list[str]
    environ: dict[str, str]
    folder: str
    lines: str = ""

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


class Child(NamedTuple):
    """A process that was forked, the socket on which it is told of, and who ordered it."""

    pid: int
    answers: int
    caller: socket.socket


class Zygote:
    """Forks, and ends with whoever gives orders last."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._callers: list[socket.socket] = []
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ, self._accept)

    def serve(self) -> Order:
        """Fork until nobody has a line any more, and then end this process.

        Returns:
            in each process that was forked, what it has to become.
        """
        while True:
            for ready, _ in self._selector.select():
                if self._selector.get_map().get(ready.fd) is not ready:
                    continue  # it went with one before it
                order: Order | None = ready.data()
                if order is not None:
                    return order

    def _accept(self) -> None:
        caller, _ = self._listening.accept()
        self._callers.append(caller)
        self._selector.register(caller, selectors.EVENT_READ, partial(self._hear, caller))

    def _hear(self, caller: socket.socket) -> Order | None:
        message, descriptors, _, _ = socket.recv_fds(caller, LARGEST, 4)
        if not message:
            self._hang_up(caller)
            return None
        if COMMAND not in sys.modules:
            preload()
        pid = os.fork()
        if pid == 0:
            self._let_go()
            _take(descriptors)
            return Order(*json.loads(message))
        *streams, answers = descriptors
        handle = os.pidfd_open(pid)
        self._children[handle] = Child(pid, answers, caller)
        self._selector.register(handle, selectors.EVENT_READ, partial(self._tell_the_end, handle))
        _tell_the_beginning(answers, pid, handle)
        for each in streams:
            os.close(each)
        return None

    def _let_go(self) -> None:
        """In a process that was forked: these descriptors will be those of something else."""
        self._selector.close()
        for each in (self._listening, *self._callers):
            each.detach()

    def _tell_the_end(self, handle: int) -> None:
        self._selector.unregister(handle)
        pid, answers, _ = self._children.pop(handle)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(BrokenPipeError):  # nobody wants to know
            os.write(answers, str(status).encode())
        os.close(answers)
        os.close(handle)

    def _hang_up(self, caller: socket.socket) -> None:
        """This one is gone: kill what runs for it, and end with the last one."""
        for handle in [each for each, child in self._children.items() if child.caller is caller]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            self._tell_the_end(handle)
        self._selector.unregister(caller)
        self._callers.remove(caller)
        caller.close()
        if not self._callers:
            address = Path(self._listening.getsockname())
            address.unlink()
            address.parent.rmdir()
            os._exit(0)


def _tell_the_beginning(answers: int, pid: int, handle: int) -> None:
    line = socket.socket(fileno=answers)
    with suppress(BrokenPipeError):  # whoever ordered it is gone
        socket.send_fds(line, [str(pid).encode()], [handle])
    line.detach()


def _take(descriptors: list[int]) -> None:
    """Have these as standard streams, and no other descriptor."""
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


class Program(NamedTuple):
    """What a forked process runs, and the `__main__` in which it does."""

    main: ModuleType
    code: CodeType


def become(order: Order) -> Program:
    """Be as if `python -m dwell.cli` had just been started; returns what it would run."""
    os.setsid()
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C on it is for this session
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environ)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _open_streams(unbuffered=bool(order.environ.get("PYTHONUNBUFFERED")))
    # What multiprocessing starts again, it starts there.
    process.ORIGINAL_DIR = order.folder  # type: ignore[attr-defined]
    program = _these(order.lines) if order.lines else _dwell()
    sys.modules["__main__"] = program.main
    sys.argv = [getattr(program.main, "__file__", "-c"), *order.arguments]
    sys.path[0] = order.folder
    return program


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


def _dwell() -> Program:
    spec = find_spec(COMMAND)
    assert spec is not None
    main = ModuleType("__main__")
    main.__spec__ = spec
    main.__loader__ = spec.loader
    main.__file__ = spec.origin
    main.__package__ = spec.parent
    return Program(main, spec.loader.get_code(COMMAND))  # type: ignore[union-attr]


def _these(lines: str) -> Program:
    return Program(ModuleType("__main__"), compile(lines, "<string>", "exec"))


def run(program: Program) -> NoReturn:
    """Run it to its end, and end in order.

    Python would also take apart every module that the zygote has imported, which takes longer than
    most commands: here only what the command itself has left is cleared away.
    """
    status: Any = 0
    try:
        exec(program.code, vars(program.main))
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
    # It ends with the tests, and ends what it began for them.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    run(become(Zygote(socket.socket(fileno=int(sys.argv[1]))).serve()))
