"""The drivers that the contract is run against: a new driver joins by adding its case to `CASES`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runloop_mcp.devbox.port import Driver


@dataclass(frozen=True)
class DriverCase:
    """One driver under test."""

    name: str
    open: Callable[[Path], Driver]
    """Makes the driver, not yet entered, on a state directory."""
    tier: str
    """How isolated the driver must say that its devboxes are."""
    processes_on_host: bool = True
    """Whether the host can see the processes of devboxes, and so the tests can watch them from there."""
    guards: bool = False
    """Whether it can keep what a shell starts from looking into that shell."""
    observes: bool = False
    """Whether its devboxes can tell what goes on in them and what was changed on their disks."""


def _sandbox(state: Path) -> Driver:
    from runloop_mcp.devbox.sandbox.driver import SandboxDriver  # noqa: PLC0415 - a driver loads only what it needs

    return SandboxDriver(state)


CASES = (DriverCase("sandbox", _sandbox, tier="namespaces", guards=True, observes=True),)


def case_named(name: str) -> DriverCase:
    """The case with this name."""
    return next(case for case in CASES if case.name == name)
