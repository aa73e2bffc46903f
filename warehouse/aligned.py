"""A table as the two sides of a comparison have it: its columns side by side, and views of its rows."""

from collections.abc import Mapping, Sequence

FIRST, LAST = ("partition", "first_offset"), ("last_partition", "last_offset")
PROVENANCE = (*FIRST, *LAST)
"""The columns that say where a row came from: they depend on the order of the log."""

NESTED = ("[]", ")")
"""How the types of lists, structs and maps end."""


class Aligned:
    """The columns that both sides have, of one name and type.

    Attributes:
        compared: their names, in the order of A.
        shape: what is not as on the other side, a line each.
    """

    def __init__(
        self,
        table: str,
        key: Sequence[str],
        a: Mapping[str, str],
        b: Mapping[str, str],
        *,
        provenance: bool,
    ) -> None:
        """`a` and `b` are the types of the columns on each side, by their names."""
        self.table = table
        self._key = key
        self._types = a
        self._both = [name for name, kind in a.items() if b.get(name) == kind]
        self.compared = [name for name in self._both if provenance or name not in PROVENANCE]
        self.shape = [f"{table}.{name} is only in A" for name in a if name not in b]
        self.shape += [f"{table}.{name} is only in B" for name in b if name not in a]
        self.shape += [
            f"{table}.{name} is {kind} in A and {b[name]} in B"
            for name, kind in a.items()
            if b.get(name, kind) != kind
        ]

    @property
    def has_key(self) -> bool:
        """Whether its rows can be told apart on both sides."""
        return set(self._key) <= set(self._both)

    def view(self, side: str) -> str:
        """A statement that makes the rows of a side into those that are compared.

        Their columns are `_key`, `_content` (a hash of what is compared), `_row` (the same as a
        struct), `_facts` (where the first and the last one stand in the log), and each by its name.
        """
        return (
            f"create or replace temp view {side}_{self.table} as select {_struct(self._key)} as _key, "  # noqa: S608
            f"hash(hash({', '.join(map(self._hashed, self.compared))})) as _content, "
            f"{_struct(self.compared)} as _row, {self._facts()} as _facts, "
            f"{', '.join(map(_name, self.compared))} from {side}.main.{self.table}"
        )

    def counts(self) -> str:
        """A query of `differing`: in how many of the rows of a pass each column differs, in the order of
        `compared`. No row if no key has a row on both sides."""
        counted = (
            f"count(*) filter (of_a.{_name(each)} is distinct from of_b.{_name(each)})"
            for each in self.compared
        )
        return (
            f"select {', '.join(counted)} "  # noqa: S608
            "from (from differing where pass = $pass and rows_in_a = 1 and rows_in_b = 1) as both_sides "
            "join a_row as of_a using (_key) join b_row as of_b using (_key) having count(*) > 0"
        )

    def _hashed(self, name: str) -> str:
        """What is hashed of a column. DuckDB has one hash for no list, an empty one and one of null."""
        return f"{_name(name)}::varchar" if self._types[name].endswith(NESTED) else _name(name)

    def _facts(self) -> str:
        known = [place for place in (FIRST, LAST) if set(place) <= set(self._both)]
        places = (
            f"{{'partition': {_name(partition)}::integer, 'offset': {_name(offset)}::bigint}}"
            for partition, offset in known
        )
        return f'[{", ".join(places)}]::struct(partition integer, "offset" bigint)[]'


def _struct(names: Sequence[str]) -> str:
    return "{" + ", ".join(f"{_text(name)}: {_name(name)}" for name in names) + "}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
