"""What a process gives back of its memory."""

import platform
import subprocess
import sys

import pytest

ALLOCATED = """
from dwell import memory

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

bytearray(8 << 20)  # let go of at once: from now on glibc takes blocks of that size from a heap
arrays = [bytearray(b"x" * (4 << 20)) for _ in range(32)]
before = held()
del arrays[::2]
memory.give_back()
print(before - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own")
def test_what_lies_between_other_things_goes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATED], stdout=subprocess.PIPE, text=True, check=True
    )
    assert int(done.stdout) > 60 << 20
