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
    shares_files: bool = True
    """Whether devboxes go on needing the files that they were made with, as those are not copied for each."""
    processes_on_host: bool = True
    """Whether the host can see the processes of devboxes, and so the tests can watch them from there."""


def _sandbox(state: Path) -> Driver:
    from runloop_mcp.devbox.sandbox.driver import SandboxDriver  # noqa: PLC0415 - a driver loads only what it needs

    return SandboxDriver(state)


def _copying_sandbox(state: Path) -> Driver:
    from runloop_mcp.devbox.sandbox.driver import SandboxDriver  # noqa: PLC0415 - likewise

    return SandboxDriver(state, disks="copy")


CASES = (DriverCase("sandbox", _sandbox, tier="namespaces"),)

PROOF_CASES = (DriverCase("sandbox-copying", _copying_sandbox, tier="namespaces", shares_files=False),)
"""Drivers that differ from another one in their disks alone: `make proof` runs the tests of disks on them."""

ABOUT_DISKS = frozenset({"test_driver_disks", "test_driver_keeping", "test_driver_snapshots"})
"""The modules of those tests."""


def case_named(name: str) -> DriverCase:
    """The case with this name."""
    return next(case for case in (*CASES, *PROOF_CASES) if case.name == name)
