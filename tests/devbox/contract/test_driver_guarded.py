"""Driver contract: a guarded shell is out of reach of what it starts, where the driver can see to that."""

import pytest
from boxes import Workshop, run, succeed
from driver_cases import DriverCase

LOOK = """
import os
parent = f"/proc/{os.getppid()}"
reached = []
for name, mode in (("mem", "rb"), ("environ", "rb"), ("fd/1", "wb"), ("maps", "rb")):
    try:
        with open(f"{parent}/{name}", mode, buffering=0) as file:
            if name == "environ" and not file.read():
                continue
        reached.append(name)
    except OSError:
        continue
print(*reached)
"""
SHELL = ("/bin/bash", "--noprofile", "--norc", "-c", f"/usr/bin/python3 -I -c '{LOOK}'; exit 7")


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_a_guarded_shell_starts_cannot_look_into_it(
    workshop: Workshop, driver_case: DriverCase, *, guarded: bool
) -> None:
    """Neither its memory nor its variables nor its descriptors; else it works as any, and its time limit holds."""
    devbox = await workshop.create(guards=True)
    ran = await run(devbox, SHELL, guarded=guarded)
    reached = set(ran.text.split())
    assert ran.status == 7
    assert (not reached) if guarded and driver_case.guards else {"mem", "environ", "maps"} <= reached
    endless = ("/bin/bash", "-c", "trap '' TERM; (sleep 1000 & wait); true")
    assert (await run(devbox, endless, guarded=guarded, timeout_seconds=0.3)).exit.timed_out


async def test_where_a_solver_works_there_is_nothing_that_hides_what_it_holds(workshop: Workshop) -> None:
    """A guarded program's open files are counted by nobody, so that only devboxes that are made for it have one."""
    devbox = await workshop.create()
    assert await succeed(devbox, "ls /run/guarded 2> /dev/null | wc -l") == "0"
    assert (await run(devbox, ("/bin/bash", "-c", "exit 3"), guarded=True)).status == 3
