"""The drivers that the contract is run against: a new driver joins by adding its case to `CASES`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import engines
import far_end
import selection
from pydantic import SecretStr

from runloop_mcp.devbox.port import Driver


@dataclass(frozen=True)
class DriverCase:
    """One driver under test."""

    name: str
    open: Callable[[Path], Driver]
    """Makes the driver, not yet entered, on a state directory."""
    tier: str
    """How isolated the driver must say that its devboxes are."""
    driver: str
    """What the driver must call itself."""
    shares_files: bool = True
    """Whether devboxes go on needing the files that they were made with, as those are not copied for each."""
    processes_on_host: bool = True
    """Whether the host can see the processes of devboxes, and so the tests can watch them from there."""
    debuggers_copy_memory: bool | None = True
    """Whether one process may copy another's memory, as it can with ptrace; None: as the engine likes."""
    segments_last: bool = True
    """Whether a segment of memory is there for longer than somebody has it attached."""
    whole_seconds: bool = False
    """Whether snapshots keep times to the second only."""
    default: frozenset[str] | None = None
    """The tests that run without --full-size, by name; None: all."""
    not_promised: Mapping[str, str] = field(default_factory=dict)
    """The tests of what the driver can't promise, by name (and parameter), and why."""
    holds_in: bool = True
    """Whether what holds a solver in its devboxes is ours, so that the attacks are tried on it."""
    guards: bool = False
    """Whether it can keep what a shell starts from looking into that shell."""
    observes: bool = False
    """Whether its devboxes can tell what goes on in them and what was changed on their disks."""


def _sandbox(state: Path) -> Driver:
    from runloop_mcp.devbox.sandbox.driver import SandboxDriver  # noqa: PLC0415 - a driver loads only what it needs

    return SandboxDriver(state)


def _copying_sandbox(state: Path) -> Driver:
    from runloop_mcp.devbox.sandbox.driver import SandboxDriver  # noqa: PLC0415 - likewise

    return SandboxDriver(state, disks="copy")


def _containers(engine: str, state: Path) -> Driver:
    from runloop_mcp.devbox.docker.driver import DockerDriver  # noqa: PLC0415 - likewise

    # What a server in another process finds, which is to use the same engine.
    note = state / f"{engine}.address"
    if not note.exists():
        address = engines.engine(engine).address
        if not state.is_dir():
            return DockerDriver(state, engines.IMAGE, {"DOCKER_HOST": address})
        note.write_text(address)
    return DockerDriver(state, engines.IMAGE, {"DOCKER_HOST": note.read_text()})


def _runloop(state: Path) -> Driver:
    from runloop_mcp.devbox.runloop.driver import RunloopDriver  # noqa: PLC0415 - likewise

    note = state / "runloop.address"
    if not note.exists():
        url = far_end.address()
        if not state.is_dir():
            return RunloopDriver(state, url, SecretStr(far_end.KEY))
        note.write_text(url)
    return RunloopDriver(state, note.read_text(), SecretStr(far_end.KEY))


_SANDBOX = DriverCase("sandbox", _sandbox, tier="namespaces", driver="sandbox", guards=True, observes=True)
_CONTAINERS = tuple(
    DriverCase(
        engine,
        partial(_containers, engine),
        tier="container",
        driver="docker",
        debuggers_copy_memory=None,
        segments_last=False,
        whole_seconds=True,
        default=frozenset(default),
    )
    for engine, default in (("docker", selection.DOCKER), ("podman", selection.PODMAN))
)

_RUNLOOP = DriverCase(
    "runloop",
    _runloop,
    tier="remote",
    driver="runloop",
    shares_files=False,
    processes_on_host=False,
    default=frozenset(selection.RUNLOOP),
    not_promised=selection.NOT_OF_RUNLOOP,
    holds_in=False,
)

NOT_HERE = {case.name: reason for case in _CONTAINERS if (reason := engines.why_not(case.name))}
"""The drivers that can't be tested here, and why."""

CASES = (_SANDBOX, _RUNLOOP, *(case for case in _CONTAINERS if case.name not in NOT_HERE))

PROOF_CASES = (
    DriverCase(
        "sandbox-copying",
        _copying_sandbox,
        tier="namespaces",
        driver="sandbox",
        shares_files=False,
        guards=True,
        observes=True,
    ),
)
"""Drivers that differ from another one in their disks alone: `make proof` runs the tests of disks on them."""

ABOUT_DISKS = frozenset({"test_driver_disks", "test_driver_keeping", "test_driver_snapshots"})
"""The modules of those tests."""


OF_THE_SANDBOX = frozenset({"test_driver_failures"})
"""Modules that make the steps of the sandbox's own set-up fail: its folders, its descriptors, its disk."""


def case_named(name: str) -> DriverCase:
    """The case with this name."""
    return next(case for case in (*CASES, *PROOF_CASES) if case.name == name)
