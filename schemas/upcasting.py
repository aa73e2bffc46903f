"""Upcasting: what a record of an older version says, said in the words of the current one.

Facts stay in the log as they were written, so every version that was ever written is read for ever.
Nobody downstream knows more than the current one: an older record is lifted when it is read, one
version at a time.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Data = dict[str, Any]
Upcaster = Callable[[Data], Data]
"""From the data of a version to that of the next, of which it gives a new object. It is pure: a record
that is read twice, today or in ten years, says the same."""

UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}
"""By type without its version, as `dwell.page.viewed`, and the version that is lifted."""


def split(type_: str) -> tuple[str, int]:
    """The name and the version in the type of a record: `dwell.page.viewed.v1`."""
    name, _, version = type_.rpartition(".v")
    return name, int(version)


class Versions:
    """The versions of every type of record, and the way from each to the current one.

    Args:
        types: every type that is read, as `dwell.page.viewed.v1`.
        upcasters: the steps between them.

    Raises:
        ValueError: a version is missing between the first and the last one, or a step from it.
    """

    def __init__(
        self, types: Iterable[str], upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS
    ) -> None:
        known: dict[str, set[int]] = {}
        for name, version in map(split, types):
            known.setdefault(name, set()).add(version)
        self.current = {name: max(versions) for name, versions in known.items()}
        self._upcasters = upcasters
        for name, last in self.current.items():
            for version in range(1, last):
                if version not in known[name]:
                    raise ValueError(
                        f"{name}: no model of version {version}, and there is one of {last}"
                    )
                if (name, version) not in upcasters:
                    raise ValueError(f"{name}: nothing lifts version {version} to {version + 1}")

    def __contains__(self, type_: str) -> bool:
        """Whether records of this type and version are read."""
        name, _, version = type_.rpartition(".v")
        return name in self.current and version in map(str, range(1, self.current[name] + 1))

    def is_current(self, type_: str) -> bool:
        """Whether a type that is read has the current version."""
        name, version = split(type_)
        return version == self.current[name]

    def lift(self, type_: str, data: Data) -> tuple[str, int, Data]:
        """Name, version and data of the current version, from whole data of any version."""
        name, first = split(type_)
        last = self.current[name]
        for version in range(first, last):
            data = self._upcasters[name, version](data)
        return name, last, data
