"""A proxy that cuts connections in the middle of answers, so that requests are carried out and nobody hears of it.

Input that is sent again for that arrives again: the ids that a service may know repeated requests by are taken away.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from urllib.parse import urlsplit

_CHUNK = 1 << 16


@asynccontextmanager
async def cutting(
    upstream: str, after: Sequence[int], silent: asyncio.Event | None = None
) -> AsyncIterator[tuple[str, list[int]]]:
    """The proxy's address, and what it has cut so far.

    Args:
        upstream: The address of the server.
        after: After how many bytes of answers connections are cut, in turn.
        silent: Once it is set, nothing that is sent gets through any more, and no connection is closed.
    """
    target = urlsplit(upstream)
    turns = cycle(after)
    cuts: list[int] = []
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        up_reader, up_writer = await asyncio.open_connection(target.hostname, target.port)
        upward = asyncio.create_task(_pass_on(reader, up_writer, silent))
        try:
            left = next(turns)
            while data := await up_reader.read(min(left, _CHUNK)):
                writer.write(data)
                await writer.drain()
                left -= len(data)
                if left <= 0:
                    cuts.append(1)
                    break
        except ConnectionError:
            pass
        finally:
            upward.cancel()
            for each in (writer, up_writer):
                each.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", cuts
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event | None) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            if silent is not None and silent.is_set():
                continue
            if b"/send_std_in" in data:  # as for a service that does not know a repeated request by its id
                data = data.replace(b"x-request-id", b"x-request-no")
            writer.write(data)
            await writer.drain()
