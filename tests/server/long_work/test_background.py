"""Work that outlives the call that began it."""

from collections.abc import Callable

import anyio
import pytest

from runloop_mcp.api.errors import Conflict
from runloop_mcp.server.background import Background

PATIENCE_SECONDS = 20


async def test_work_that_is_given_up_for_other_work_says_so() -> None:
    """Who still waits for it reads why there is no result; the other work goes on to its own."""
    begun = anyio.Event()

    async def endless(_: Callable[[str], None]) -> None:
        begun.set()
        await anyio.sleep_forever()

    async def quick(_: Callable[[str], None]) -> str:
        return "done"

    with anyio.fail_after(PATIENCE_SECONDS):
        async with Background() as background:
            first = background.join("one", "run", endless)
            await begun.wait()
            second = background.join("two", "run", quick)
            assert (await first.wait(PATIENCE_SECONDS)).is_done
            with pytest.raises(Conflict, match="given up"):
                background.take(first)
            assert background.take(await second.wait(PATIENCE_SECONDS)) == "done"
