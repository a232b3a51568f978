"""Devboxes: made, waited for, suspended and ended."""

from typing import Final

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.devbox import (
    DevboxCreateParams,
    DevboxListParams,
    DevboxStatus,
    DevboxUpdateParams,
    DevboxView,
)
from runloop_mcp.api.models.devbox_record import DevboxLogs, DevboxUsage
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.long_polls import StillWaiting, hold_seconds
from runloop_mcp.rest.route import get, post
from runloop_mcp.rest.wire.devboxes import DevboxQuery, LogsQuery, ShutdownQuery, WaitForDevboxBody, status_of
from runloop_mcp.rest.wire.nothing import Nothing

_TAG: Final = "devboxes"

_CREATE_SECONDS: Final = 20.0
"""How long a request that makes a devbox waits for it: clients read for 30 seconds."""

_LONGEST_WAIT_SECONDS: Final = 30.0
_ENDED: Final = frozenset({DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN})
_NO_BASE: Final = {404: "There is no such blueprint, snapshot, object or agent."}
_NOT_FOUND: Final = {404: "Devbox not found."}


async def list_(call: Call, query: DevboxQuery) -> Page[DevboxView]:
    """Lists devboxes."""
    status = None if query.status is None else status_of(query.status)
    return await call.backend.devboxes.list(
        DevboxListParams(limit=query.limit, starting_after=query.starting_after, status=status)
    )


async def create(call: Call, body: DevboxCreateParams) -> DevboxView:
    """Creates a devbox.

    The answer comes at once, while it may still be booting.
    """
    return await call.backend.devboxes.create(body, principal=call.principal, idempotency_key=call.idempotency_key)


async def create_and_await_running(call: Call, body: DevboxCreateParams) -> DevboxView:
    """Creates a devbox and waits until it runs.

    Where that takes longer than 20 seconds, the answer is the devbox as it stands: go on with `wait_for_status`.
    """
    devbox = await create(call, body)
    until = {DevboxStatus.RUNNING, *_ENDED}
    return await call.backend.devboxes.wait(devbox.id, until=until, wait_seconds=_CREATE_SECONDS)


async def retrieve(call: Call, devbox_id: str) -> DevboxView:
    """Retrieves a devbox, also one that has ended."""
    return await call.backend.devboxes.retrieve(devbox_id)


async def update(call: Call, devbox_id: str, body: DevboxUpdateParams) -> DevboxView:
    """Updates the name or metadata of a devbox."""
    return await call.backend.devboxes.update(devbox_id, body)


async def wait_for_status(call: Call, devbox_id: str, body: WaitForDevboxBody) -> DevboxView:
    """Waits until a devbox has one of some statuses.

    It answers 408 where the time runs out first, and 400 where the devbox has ended and will never have one.
    """
    wanted = {status_of(status) for status in body.statuses}
    devbox = await call.backend.devboxes.wait(
        devbox_id,
        until=wanted | _ENDED,
        wait_seconds=hold_seconds(body.timeout_seconds, most=_LONGEST_WAIT_SECONDS),
    )
    if devbox.status in wanted:
        return devbox
    if devbox.status in _ENDED:
        raise InvalidState(f"The devbox has ended: its status is {devbox.status}, for ever.")
    raise StillWaiting(f"The devbox is still {devbox.status}.")


async def suspend(call: Call, devbox_id: str) -> DevboxView:
    """Suspends a running devbox: its processes end, its disk stays."""
    return await call.backend.devboxes.suspend(devbox_id)


async def resume(call: Call, devbox_id: str) -> DevboxView:
    """Resumes a suspended devbox."""
    return await call.backend.devboxes.resume(devbox_id)


async def keep_alive(call: Call, devbox_id: str) -> Nothing:
    """Starts the keep-alive time of a devbox anew."""
    await call.backend.devboxes.keep_alive(devbox_id)
    return Nothing()


async def shutdown(call: Call, devbox_id: str, query: ShutdownQuery) -> DevboxView:
    """Ends a devbox for ever, with its disk; on one that has ended it answers with the devbox."""
    return await call.backend.devboxes.shutdown(devbox_id, force=query.force)


async def logs(call: Call, devbox_id: str, query: LogsQuery) -> DevboxLogs:
    """Lists the log of a devbox, also of one that has ended."""
    return await call.backend.devboxes.logs(devbox_id, execution_id=query.execution_id, shell_name=query.shell_name)


async def usage(call: Call, devbox_id: str) -> DevboxUsage:
    """Tells what a devbox has used."""
    return await call.backend.devboxes.usage(devbox_id)


ROUTES: Final = (
    get("/v1/devboxes", _TAG, list_, items="devboxes"),
    post("/v1/devboxes", _TAG, create, errors=_NO_BASE),
    post("/v1/devboxes/create_and_await_running", _TAG, create_and_await_running, errors=_NO_BASE, is_held=True),
    get("/v1/devboxes/{devbox_id}", _TAG, retrieve, errors=_NOT_FOUND),
    post("/v1/devboxes/{devbox_id}", _TAG, update, errors=_NOT_FOUND),
    post(
        "/v1/devboxes/{devbox_id}/wait_for_status",
        _TAG,
        wait_for_status,
        errors={**_NOT_FOUND, 408: "The time ran out first."},
        is_deduplicated=False,
        is_held=True,
    ),
    post("/v1/devboxes/{devbox_id}/suspend", _TAG, suspend, errors=_NOT_FOUND),
    post("/v1/devboxes/{devbox_id}/resume", _TAG, resume, errors=_NOT_FOUND),
    post("/v1/devboxes/{devbox_id}/keep_alive", _TAG, keep_alive, errors=_NOT_FOUND),
    post(
        "/v1/devboxes/{devbox_id}/shutdown",
        _TAG,
        shutdown,
        errors={**_NOT_FOUND, 409: "A snapshot of it is being made."},
    ),
    get("/v1/devboxes/{devbox_id}/logs", _TAG, logs, errors=_NOT_FOUND),
    get("/v1/devboxes/{devbox_id}/usage", _TAG, usage, errors=_NOT_FOUND),
)
