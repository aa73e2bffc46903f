"""What processes say, as objects."""

import io
import json
import subprocess
import sys
from typing import Any

from dwell import messages
from dwell.commands.up.lines import Lines

SCRIPT = """
import asyncio, logging, threading, warnings
from dwell import messages

def fail(*given):
    raise ValueError("secret-of-a-fact")

class Failing:
    __del__ = fail

async def calls():
    asyncio.get_running_loop().call_soon(fail, "secret-of-a-fact")
    asyncio.create_task(task())
    await asyncio.sleep(0)

async def task():
    fail()

messages.begin("json", "site")
messages.say("the site is here")
logging.getLogger("dwell.test").info("%d facts", 3)
warnings.warn("this will be otherwise")
try:
    fail()
except ValueError:
    logging.getLogger("dwell.test").exception("it failed")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Failing()
asyncio.run(calls())
print(messages.last_word("it cannot be done"), flush=True)
fail()
"""


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_everything_is_an_object_and_no_failure_says_what_it_had_in_hand() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "secret-of-a-fact" not in done.stdout + done.stderr
    said = objects(done.stdout)
    assert [(each["level"], each["logger"], each["message"]) for each in said] == [
        ("INFO", "dwell", "the site is here"),
        ("CRITICAL", "dwell.cli", "it cannot be done"),
    ]
    told = objects(done.stderr)
    assert [(each["level"], each["logger"]) for each in told] == [
        ("INFO", "dwell.test"),
        ("WARNING", "py.warnings"),
        ("ERROR", "dwell.test"),
        ("CRITICAL", "dwell"),
        ("CRITICAL", "dwell"),
        ("ERROR", "asyncio"),
        ("ERROR", "asyncio"),
        ("CRITICAL", "dwell"),
    ]
    assert {each["message"] for each in told if each["logger"] == "asyncio"} == {
        "Exception",
        "Task exception was never retrieved",
    }
    assert {each["process"] for each in said + told} == {"site"}
    for each in told[2:]:
        assert each["exception"]["type"] == "ValueError"
        assert each["exception"]["at"][-1].endswith(" fail")


def test_lines_of_text_do_not_say_it_either() -> None:
    script = SCRIPT.replace('"json"', '"text"')
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "secret-of-a-fact" not in done.stdout + done.stderr
    assert done.stderr.count("fail\nValueError\n") == 6
    assert done.stderr.count("Traceback (most recent call last):\n  ") == 6
    assert "it failed\nTraceback" in done.stderr


def test_a_last_word_is_known_in_either_form() -> None:
    assert messages.why("dwell: it cannot be done") == "it cannot be done"
    said = messages.line("site", 'the file "a" is gone', "CRITICAL", messages.SAYS_WHY)
    assert messages.why(said) == 'the file "a" is gone'
    assert messages.why(messages.line("site", "all is well")) is None
    assert messages.why("INFO all is well") is None


def test_together_all_say_objects_what_is_none_becomes_one() -> None:
    sink = io.StringIO()
    lines = Lines(sink, ["site", "project"], {}, "json")
    own = messages.line("project", "projecting")
    lines.told("project", "magenta", own)
    lines.told("site", "cyan", "plain words")
    lines.told("site", "red", "was ended by SIGKILL; again in 0.25 s")
    lines.say("\n  The site is here\n\n  Ctrl-C ends it all.\n")
    first, *rest = sink.getvalue().splitlines()
    assert first == own
    assert [
        (each["process"], each["level"], each["message"]) for each in map(json.loads, rest)
    ] == [
        ("site", "INFO", "plain words"),
        ("site", "WARNING", "was ended by SIGKILL; again in 0.25 s"),
        ("up", "INFO", "The site is here"),
        ("up", "INFO", "Ctrl-C ends it all."),
    ]
