"""What works of Runloop's cloud, found by asking it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio

from runloop_mcp.api.errors import ApiError, Forbidden, InvalidRequest, NotFound
from runloop_mcp.api.models.devbox import DevboxListParams
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.cli.settings import Settings
from runloop_mcp.cli.wiring import client_for
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud.capability import WAYS_ON
from runloop_mcp.devbox.port import Capability, Finding

_SECONDS: Final = 30
_ONCE_MORE: Final = RetryPolicy(most_attempts=2)
"""Whoever looks for what is wrong wants to hear of it soon."""


async def cloud_capability(settings: Settings) -> Capability:
    """Whether devboxes and scenarios can be had there, with this key."""
    try:
        client = client_for(settings)
    except InvalidRequest as error:
        return _capability([Finding("address", ok=False, detail=error.message, remedy=error.hint)])
    client.wire.policy = _ONCE_MORE
    findings: list[Finding] = []
    async with client:
        findings.append(await _tried("account", _account(client)))
        if findings[-1].ok:
            findings.append(await _tried("devboxes", _devboxes(client)))
            findings.append(await _tried("scenarios", _scenarios(client)))
    return _capability(findings)


def _capability(findings: list[Finding]) -> Capability:
    able = all(finding.ok for finding in findings if finding.required)
    return Capability("runloop", "microvm" if able else "none", findings)


async def _tried(name: str, ask: Callable[[], Awaitable[str]]) -> Finding:
    try:
        async with _deadline():
            return Finding(name, ok=True, detail=await ask())
    except ApiError as error:
        return Finding(name, ok=False, detail=error.message, remedy=error.hint)


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    try:
        with anyio.fail_after(_SECONDS):
            yield
    except TimeoutError:
        raise ApiError(f"It did not answer within {_SECONDS} s.") from None


def _account(client: RunloopClient) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        try:
            account = await client.accounts.me()
        except NotFound:
            return f"{client.wire.host} answers, and tells of no accounts"
        return f"{account.name} at {client.wire.host}"

    return ask


def _devboxes(client: RunloopClient) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        await client.devboxes.list(DevboxListParams(limit=1))
        return "served"

    return ask


def _scenarios(client: RunloopClient) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        try:
            page = await client.scenarios.list(ScenarioListParams(limit=1))
        except (NotFound, Forbidden) as error:
            raise ApiError(f"Not served to this key (status {error.status}).", hint=WAYS_ON) from error
        return f"served; {page.total_count} there"

    return ask
