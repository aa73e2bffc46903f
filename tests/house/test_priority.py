"""What may have visitors beside it makes room for them at once."""

import ctypes
import os
import platform
import struct
import subprocess
import sys

import pytest

from dwell.priority import LAST, SLICE_NS

GET_ATTRIBUTES = {"x86_64": 315, "aarch64": 275}.get(platform.machine())
COMES_LAST = "from dwell.priority import come_last; come_last(); print(flush=True); input()"


def attributes_of(process: int) -> tuple[int, int]:
    """Niceness, and the slice in nanoseconds."""
    found = ctypes.create_string_buffer(56)
    assert ctypes.CDLL(None).syscall(GET_ATTRIBUTES, process, found, len(found), 0) == 0
    _, _, _, nice, _, runtime, *_ = struct.unpack("IIQiIQQQII", found.raw)
    return nice, runtime


def slices_can_be_had() -> bool:
    major, minor = platform.release().split(".")[:2]
    return (int(major), int(minor.partition("-")[0])) >= (6, 12)


@pytest.mark.skipif(
    GET_ATTRIBUTES is None, reason="the number of the system call is not known here"
)
def test_it_is_as_nice_as_can_be_and_has_short_slices() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMES_LAST], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        nice, runtime = attributes_of(process.pid)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == nice == LAST
        if slices_can_be_had():
            assert runtime == SLICE_NS
        process.communicate(b"\n")
