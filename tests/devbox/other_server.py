"""A server of its own process, for tests that end it: `other_server.py DRIVER STATE DEVBOX_ID SCRIPT`.

It creates the devbox, leaves a note on its disk, runs the script, prints `up` once the script has, and waits.
"""

import sys
from pathlib import Path

import anyio
from boxes import start, succeed
from driver_cases import case_named

from runloop_mcp.devbox.port import DevboxSpec


async def serve(driver_name: str, state: str, devbox_id: str, script: str) -> None:
    """Holds the devbox until it is killed."""
    async with case_named(driver_name).open(Path(state)) as driver:
        devbox = await driver.create(devbox_id, DevboxSpec())
        await succeed(devbox, "echo kept > note")
        running = await start(devbox, f"{script}; sleep 1000")
        await running.stdout.until(b"up")
        sys.stdout.write("up\n")
        sys.stdout.flush()
        await running.process.wait()


if __name__ == "__main__":
    anyio.run(serve, *sys.argv[1:])
