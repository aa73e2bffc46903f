"""What the comment that begins a file of SQL tells: the question, the columns, the story."""

import re


def parted(sql: str) -> tuple[str, str]:
    """The comment that begins the file, and the statement."""
    lines = sql.splitlines(keepends=True)
    begin = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return "".join(lines[:begin]), "".join(lines[begin:]).strip()


def lines_of(comment: str) -> list[str]:
    """Its lines without the dashes."""
    return [line.removeprefix("--").strip() for line in comment.splitlines()]


def pairs(pattern: re.Pattern[str], lines: list[str]) -> dict[str, str]:
    """What the two groups of the pattern are in each line that is nothing but it."""
    return {found[1]: found[2] for line in lines if (found := pattern.fullmatch(line))}


def paragraphs(lines: list[str]) -> list[str]:
    """Lines as paragraphs: empty ones part them."""
    found = "\n".join(lines).split("\n\n")
    return [" ".join(each.split()) for each in found if each.strip()]
