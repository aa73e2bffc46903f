"""What Dwell raises.

DwellError                 something the operator can act on; its text is one clear line
├── SettingInvalid         a setting has a value that cannot be used
├── QuestionInvalid        there is no such named query, or a parameter of it cannot be used
├── RulesInvalid           a rules file cannot be used
├── BackupInvalid          a backup is not whole, or cannot be put where it is wanted
├── LogError               the log did not do what it was asked
│   ├── LogUnavailable     it did not answer in time, or answered with a failure; the outcome is unknown
│   │   └── NoSpace         its disk is full, or has less left than is to be kept free
│   ├── LogFull            its waiting room has no place for these facts; nothing was appended
│   ├── NoRecord           there is no record at the place that was asked for
│   └── LogMismatch        offsets and log do not belong together: another log, or a gap
│       └── LogGap         facts that were not read are gone, or some that were
├── WarehouseError         the warehouse cannot be used
│   ├── WarehouseHeld      another process holds it
│   ├── WarehouseDamaged   its file is damaged, and to be moved away
│   └── QueryFailed        a statement could not be run
└── AlreadyRunning         a port or a folder is in use by another process
"""

from typing import ClassVar


class DwellError(Exception):
    """Something the operator can act on; the message names the thing, its value and what would be right.

    Attributes:
        exit_status: of a command that ends with it.
    """

    exit_status: ClassVar[int] = 2


class SettingInvalid(DwellError):
    """A setting has a value that cannot be used."""


class QuestionInvalid(DwellError):
    """There is no named query like that, or one of its parameters has a value that cannot be used."""


class RulesInvalid(DwellError):
    """A rules file cannot be used."""


class BackupInvalid(DwellError):
    """A backup is not whole or not one of Dwell's, or it cannot be put where it is wanted."""


class LogError(DwellError):
    """The log did not do what it was asked."""


class LogUnavailable(LogError):
    """The log did not answer in time or failed; whether the facts were appended is unknown."""


class NoSpace(LogUnavailable):
    """The log's disk is full, or has less space left than `DWELL_KEEP_FREE`."""


class LogFull(LogError):
    """The waiting room before the log has no place for these facts; nothing was appended."""


class NoRecord(LogError):
    """There is no record at the place that was asked for."""


class LogMismatch(LogError):
    """The offsets at hand do not fit this log: it is another one, or facts between are gone."""


class LogGap(LogMismatch):
    """Facts that were not read are gone from the log, or it has lost some that were."""


class WarehouseError(DwellError):
    """The warehouse cannot be used."""


class WarehouseHeld(WarehouseError):
    """Another process holds the warehouse."""


class WarehouseDamaged(WarehouseError):
    """The warehouse's file is damaged. Whoever can work without it need not end."""

    exit_status = 3


class QueryFailed(WarehouseError):
    """A statement could not be run; the message is DuckDB's."""


class AlreadyRunning(DwellError):
    """A port or a folder is in use by another process."""
