"""Server-sent events, as far as Runloop uses them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx


async def events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The data of each event of a stream that is JSON; comments, other fields and other data are passed over."""
    data: list[bytes] = []
    async for line in _lines(response):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            if (event := _read(b"\n".join(data))) is not None:
                yield event
            data = []


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """The lines of a stream. Only line feeds end them: text of output may hold other characters that end lines."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")


def _read(text: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
