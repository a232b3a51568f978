"""What works of Runloop's cloud, found by asking it."""

from collections.abc import Awaitable, Callable
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
_SILENT: Final = "Try again later, or look at RUNLOOP_BASE_URL and the network between."
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
        findings.append(await _tried("account", _account, client))
        if findings[-1].ok:
            findings.append(await _tried("devboxes", _devboxes, client))
            findings.append(await _tried("scenarios", _scenarios, client))
    return _capability(findings)


def _capability(findings: list[Finding]) -> Capability:
    able = all(finding.ok for finding in findings if finding.required)
    return Capability("runloop", "microvm" if able else "none", findings)


async def _tried(name: str, ask: Callable[[RunloopClient], Awaitable[str]], client: RunloopClient) -> Finding:
    try:
        with anyio.fail_after(_SECONDS):
            return Finding(name, ok=True, detail=await ask(client))
    except ApiError as error:
        return Finding(name, ok=False, detail=error.message, remedy=error.hint)
    except TimeoutError:
        return Finding(name, ok=False, detail=f"It did not answer within {_SECONDS} s.", remedy=_SILENT)


async def _account(client: RunloopClient) -> str:
    try:
        account = await client.accounts.me()
    except NotFound:
        return f"{client.wire.host} answers, and tells of no accounts"
    return f"{account.name} at {client.wire.host}"


async def _devboxes(client: RunloopClient) -> str:
    await client.devboxes.list(DevboxListParams(limit=1))
    return "served"


async def _scenarios(client: RunloopClient) -> str:
    try:
        page = await client.scenarios.list(ScenarioListParams(limit=1))
    except (NotFound, Forbidden) as error:
        raise ApiError(f"Not served to this key (status {error.status}).", hint=WAYS_ON) from error
    return f"served; {page.total_count} there"
