"""Work that goes on between calls."""

import anyio
import pytest

from runloop_mcp.api.errors import Conflict
from runloop_mcp.server.background import Background, Work


async def test_who_waits_for_work_that_another_call_replaces_is_told_so() -> None:
    """Other work on the same thing gives the first up; a result that was there by then stays."""

    def giving(result: str | None) -> Work:
        async def work(_: object) -> str | None:
            if result is None:
                await anyio.sleep_forever()
            return result

        return work

    with anyio.fail_after(10):
        async with Background() as background:
            first = background.join("first", "box", giving(None))
            second = background.join("second", "box", giving("found"))
            assert (await first.wait(10)).is_done
            with pytest.raises(Conflict, match="given up for a call on the same thing"):
                background.take(first)
            assert (await second.wait(10)).is_done
            background.join("third", "box", giving("later"))
            assert background.take(second) == "found"
