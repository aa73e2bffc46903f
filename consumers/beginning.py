"""Where reading a partition begins that a warehouse has no offset of."""

from dwell.events.log import LogReader


async def beginning(reader: LogReader, partition: int, *, begun: bool) -> int:
    """The offset to read a partition from that was not read before.

    A warehouse that has `begun` to read the log has read all there was: a partition that it does not
    know came later, and whatever was in it is still to be read. If its oldest records are gone by
    now, reading from here is refused, with the gap's name. An empty warehouse begins with what the
    log has.

    Raises:
        LogUnavailable: the log does not answer.
    """
    return 0 if begun else await reader.start(partition)
