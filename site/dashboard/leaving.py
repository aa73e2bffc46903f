"""Clients that go away before they are answered."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")


async def gone(receive: Receive) -> None:
    """Wait until the client has gone away; what it still sends is passed over."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_gone(receive: Receive, answer: Coroutine[Any, Any, T]) -> T | None:
    """What the answer comes to; `None`, and it is cancelled, if the client goes away before."""
    answering, leaving = asyncio.create_task(answer), asyncio.create_task(gone(receive))
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        return await answering if answering.done() else None
    finally:
        answering.cancel()
        leaving.cancel()
