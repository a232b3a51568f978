"""The sandbox, whose first driver in a process finds out what this machine can do; the others know it from that one.

Each server finds out for itself, with a devbox in which it runs a dozen programs. That takes as long as the boot of
the devbox that most tests want, and comes out the same for all of them. What the finding out is about is tested with
drivers as they are.
"""

from runloop_mcp.devbox.port import Capability
from runloop_mcp.devbox.sandbox.driver import SandboxDriver

_found: list[Capability] = []


def remember(capability: Capability) -> None:
    """Has the drivers to come know what one has found out, unless that was a failure: the next may have more luck."""
    if capability.available and not _found:
        _found.append(capability)


def known() -> Capability | None:
    """What this machine can do, where that was found out already."""
    return _found[0] if _found else None


class ProbedDriver(SandboxDriver):
    """A driver of devboxes on a machine that is known; its disks are of the kind that the machine has."""

    async def _probe(self) -> Capability:
        if (capability := known()) is None:
            capability = await super()._probe()
            remember(capability)
        return capability
