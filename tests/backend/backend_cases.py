"""The backends that the contract is tested on: one entry each, and every test runs on all of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloud_selection
import far_end
import runloop_selection
from probed_driver import ProbedDriver
from pydantic import SecretStr
from rest_face import serving_rest

from runloop_mcp.api.backend import Backend
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.cloud.backend import CloudBackend
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.settings import EngineSettings

OpenBackend = Callable[[], AbstractAsyncContextManager[Backend]]
"""Opens a backend; a second one opened in the same test works on the same state."""


OpenWith = Callable[..., AbstractAsyncContextManager[Backend]]
"""Likewise, with some of what can be set."""


def _engine(folder: Path, settings: dict[str, Any]) -> EmbeddedEngine:
    return EmbeddedEngine(folder, ProbedDriver(folder / "sandbox"), settings=EngineSettings(**settings))


def _embedded(folder: Path) -> OpenWith:
    def open_with(**settings: Any) -> AbstractAsyncContextManager[Backend]:
        return _engine(folder, settings)

    return open_with


def _over_runloop(folder: Path) -> OpenWith:
    """The engine over Runloop devboxes, and at the far end of a socket the REST face over another engine."""

    def open_with(**settings: Any) -> AbstractAsyncContextManager[Backend]:
        from runloop_mcp.devbox.runloop.driver import RunloopDriver  # noqa: PLC0415 - only this case pays for it

        driver = RunloopDriver(folder, far_end.address(), SecretStr(far_end.KEY))
        return EmbeddedEngine(folder, driver, settings=EngineSettings(**settings))

    return open_with


def _cloud(folder: Path) -> OpenWith:
    """The cloud backend, and at the far end of a socket the REST face over an engine."""

    @asynccontextmanager
    async def open_with(**settings: Any) -> AsyncIterator[Backend]:
        # What a caller may wait for is the caller's to judge here: the tests want to see the conflict.
        policy = RetryPolicy(conflict_patience_seconds=0, backoff_scale=0.1)
        async with (
            serving_rest(_engine(folder, settings)) as url,
            CloudBackend(folder / "here", url, SecretStr("a-key"), policy=policy) as backend,
        ):
            yield backend

    return open_with


@dataclass(frozen=True)
class BackendCase:
    """A backend under test. What only an engine on this machine can have is a flag, with its reason."""

    name: str
    open_on: Callable[[Path], OpenWith]
    """Opens backends on the state in a folder."""
    rescores: bool = True
    """Whether it scores a run again; the wire has no call for that."""
    tells_principals_apart: bool = True
    """Whether it counts the attempts of each principal; over the wire all callers of a server have its one key."""
    keeps_keys_as_given: bool = True
    """Whether an idempotency key is kept as it is, and so can be one that can't; over the wire goes its hash."""
    reaches_this_machine: bool = True
    """Whether devboxes that may use a network reach this machine; the cloud's reach what its policies let through."""
    has_rights_outside_home: bool = True
    """Whether directories outside home can be made; in Runloop devboxes that takes sudo, which this far end has not."""
    tells_limits: bool = True
    """Whether a command learns which limit ended it; the wire's devboxes don't tell."""
    observes: bool = True
    """Whether devboxes tell of processes, changed files and the network; the wire has no call for that."""
    default: frozenset[str] | None = None
    """The tests that run without --full-size, by name; None: all."""


_EMBEDDED = BackendCase("embedded", _embedded)
_CLOUD = BackendCase(
    "cloud",
    _cloud,
    rescores=False,
    tells_principals_apart=False,
    keeps_keys_as_given=False,
    default=frozenset(cloud_selection.CLOUD),
)
_RUNLOOP = BackendCase(
    "runloop",
    _over_runloop,
    reaches_this_machine=False,
    has_rights_outside_home=False,
    tells_limits=False,
    observes=False,
    default=frozenset(runloop_selection.RUNLOOP),
)
CASES = (_EMBEDDED, _CLOUD, _RUNLOOP)
"""Every test of the contract runs on every backend."""
