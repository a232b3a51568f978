"""Commands on devboxes over the wire, and their output."""

import logging
from typing import Final

import anyio
from anyio.abc import TaskGroup

from runloop_mcp.api.errors import ApiError, InvalidRequest
from runloop_mcp.api.groups.devboxes import Devboxes
from runloop_mcp.api.models.devbox import (
    ExecuteParams,
    ExecutionStatus,
    ExecutionView,
    OutputMatches,
    OutputRange,
    OutputStream,
    StdinSignal,
)
from runloop_mcp.api.output_search import search_lines
from runloop_mcp.api.trace import ToolCall
from runloop_mcp.client.executions import LONGEST_WAIT
from runloop_mcp.cloud.commands import (
    MOST_INLINE_STDIN,
    Wrapped,
    refuse_no_directory,
    unwrapped,
    with_details,
    wrapped,
)
from runloop_mcp.cloud.context import CloudContext
from runloop_mcp.cloud.keys import command_id, request_id, used_once
from runloop_mcp.cloud.outputs import Outputs
from runloop_mcp.cloud.trace import now_ms

_log = logging.getLogger(__name__)

_TURN_SECONDS: Final = 20.0
"""How often it is looked whether a command's turn has come that has a time limit."""
_TAIL_BYTES: Final = 32_000
_TAIL_LINES: Final = 10_000
"""Lines that a view asks for where its caller says nothing: it then holds the last 32,000 bytes of them."""
_SHORTEST_WAIT: Final = 1.0
"""The wire counts the wait for a command in whole seconds, and most commands are over within the first."""
_KILL_SECONDS: Final = 20.0
_REMEMBERED: Final = 10_000


class _Begun:
    """A command that this server began, as it was asked for."""

    __slots__ = ("params", "sent", "start_time_ms", "timed_out")

    def __init__(self, params: ExecuteParams, sent: Wrapped) -> None:
        self.params = params
        self.sent = sent
        self.start_time_ms = now_ms()
        self.timed_out = False


class CloudCommands(Devboxes):
    """The part of devboxes that is about commands."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self._client = cloud.client
        self._calls = cloud.client.executions
        self._outputs = Outputs(cloud.client)
        self._begun: dict[str, _Begun] = {}
        self.tasks: TaskGroup
        """The backend's task group; set before the first use."""

    async def execute(
        self,
        devbox_id: str,
        params: ExecuteParams,
        *,
        wait_seconds: float = 20,
        idempotency_key: str | None = None,
        call: ToolCall | None = None,  # noqa: ARG002 - the caller records it
    ) -> ExecutionView:
        """See `Devboxes.execute`."""
        place = await self._cloud.places.of(devbox_id)
        sent = wrapped(params, place.directory)
        began = anyio.current_time()
        begun = _Begun(params, sent)
        key = command_id(devbox_id, idempotency_key)
        with used_once(idempotency_key):
            view = await self._begin(devbox_id, begun, key, wait_seconds)
        self._remember(view, begun)
        if params.timeout_seconds and _is_timed_here(params) and view.status != ExecutionStatus.COMPLETED:
            self.tasks.start_soon(self._end_in_time, devbox_id, view.execution_id, begun, params.timeout_seconds)
        left = wait_seconds - (anyio.current_time() - began)
        try:
            if view.status != ExecutionStatus.COMPLETED and left > 0 and wait_seconds > _SHORTEST_WAIT:
                view = await self._calls.wait(
                    devbox_id, view.execution_id, wait_seconds=left, last_n=_lines(params.last_n)
                )
        except BaseException:
            await self._end(devbox_id, view.execution_id)
            raise
        return await self._told(view, begun, last_n=params.last_n)

    async def _begin(self, devbox_id: str, begun: _Begun, key: str, wait_seconds: float) -> ExecutionView:
        """The execution, started, and maybe over already; nothing is left of it where its caller goes away."""
        params, sent = begun.params, begun.sent
        by_hand = params.attach_stdin or len((params.stdin or "").encode("utf-8", "surrogatepass")) > MOST_INLINE_STDIN
        try:
            if not by_hand:
                at_once = wait_seconds <= 0 or _is_timed_here(params)
                held = 0 if at_once else min(max(wait_seconds, _SHORTEST_WAIT), LONGEST_WAIT)
                return await self._calls.execute(
                    devbox_id,
                    sent.text,
                    command_id=key,
                    wait_seconds=held,
                    shell_name=params.shell_name,
                    last_n=_lines(params.last_n),
                )
            view = await self._calls.start(
                devbox_id, sent.text, shell_name=params.shell_name, attach_stdin=True, request_id=key
            )
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), anyio.move_on_after(_KILL_SECONDS):
                await self._end_unseen(devbox_id, begun, key, by_hand=by_hand)
            raise
        if params.stdin:
            await self._calls.send_stdin(
                devbox_id,
                view.execution_id,
                text=params.stdin,
                signal=None if params.attach_stdin else StdinSignal.EOF,
                request_id=request_id(f"{key} stdin"),
            )
        return view

    async def _end_unseen(self, devbox_id: str, begun: _Begun, key: str, *, by_hand: bool) -> None:
        """Ends a command whose id nobody learned: asked for again by its key, it is not started again."""
        params, sent = begun.params, begun.sent
        try:
            if by_hand:
                view = await self._calls.start(
                    devbox_id, sent.text, shell_name=params.shell_name, attach_stdin=True, request_id=key
                )
            else:
                view = await self._calls.execute(
                    devbox_id,
                    sent.text,
                    command_id=key,
                    wait_seconds=0,
                    shell_name=params.shell_name,
                    last_n=_lines(params.last_n),
                )
            if view.status != ExecutionStatus.COMPLETED:
                await self._calls.kill(devbox_id, view.execution_id)
        except ApiError:
            return  # it can't have begun, or its devbox has ended

    async def _end_in_time(self, devbox_id: str, execution_id: str, begun: _Begun, seconds: float) -> None:
        """Ends a command of a shell when its time is over, which begins with its turn; its shell ends with it."""
        try:
            while (await self._calls.retrieve(devbox_id, execution_id, last_n=0)).status == ExecutionStatus.QUEUED:
                await self._calls.wait(devbox_id, execution_id, wait_seconds=_TURN_SECONDS, last_n=0)
            view = await self._calls.wait(devbox_id, execution_id, wait_seconds=seconds, last_n=0)
            if view.status != ExecutionStatus.COMPLETED:
                begun.timed_out = True
                await self._calls.kill(devbox_id, execution_id)
        except ApiError as error:
            _log.warning("The time limit of command %s could not be held: %s", execution_id, error.message)

    async def _end(self, devbox_id: str, execution_id: str) -> None:
        with anyio.CancelScope(shield=True), anyio.move_on_after(_KILL_SECONDS):
            try:
                await self._calls.kill(devbox_id, execution_id)
            except ApiError:
                return  # it has ended by itself, or its devbox has

    async def execution(
        self, devbox_id: str, execution_id: str, *, wait_seconds: float = 0, last_n: int | None = None
    ) -> ExecutionView:
        """See `Devboxes.execution`."""
        lines = _lines(last_n)
        if wait_seconds > 0:
            view = await self._calls.wait(devbox_id, execution_id, wait_seconds=wait_seconds, last_n=lines)
        else:
            view = await self._calls.retrieve(devbox_id, execution_id, last_n=lines)
        return await self._told(view, self._begun.get(execution_id), last_n=last_n)

    async def kill(self, devbox_id: str, execution_id: str) -> ExecutionView:
        """See `Devboxes.kill`."""
        view = await self._calls.kill(devbox_id, execution_id)
        return await self._told(view, self._begun.get(execution_id))

    async def send_stdin(
        self, devbox_id: str, execution_id: str, *, text: str | None = None, signal: StdinSignal | None = None
    ) -> ExecutionView:
        """See `Devboxes.send_stdin`."""
        if text is None and signal is None:
            raise InvalidRequest("Neither text nor a signal is given.", hint="Give text, a signal, or both.")
        await self._calls.send_stdin(devbox_id, execution_id, text=text, signal=signal)
        return await self.execution(devbox_id, execution_id)

    async def read_output(
        self,
        devbox_id: str,
        execution_id: str,
        stream: OutputStream,
        *,
        offset: int = 0,
        limit: int = 32_000,
        wait_seconds: float = 0,
    ) -> OutputRange:
        """See `Devboxes.read_output`."""
        view = await self._calls.retrieve(devbox_id, execution_id, last_n=0)
        return await self._outputs.read_range(view, stream, offset=offset, limit=limit, wait_seconds=wait_seconds)

    async def search_output(
        self, devbox_id: str, execution_id: str, stream: OutputStream, pattern: str, *, limit: int = 50, around: int = 0
    ) -> OutputMatches:
        """See `Devboxes.search_output`."""
        view = await self._calls.retrieve(devbox_id, execution_id, last_n=0)
        data = await self._outputs.whole(view, stream)
        return await anyio.to_thread.run_sync(search_lines, data, pattern, limit, around)

    def _remember(self, view: ExecutionView, begun: _Begun) -> None:
        if len(self._begun) >= _REMEMBERED:
            self._begun.clear()
        self._begun[view.execution_id] = begun

    async def _told(self, view: ExecutionView, begun: _Begun | None, *, last_n: int | None = None) -> ExecutionView:
        """An execution as callers see it: the command as it was asked for, within bounds, and recorded."""
        found = unwrapped(view.x_runloop_mcp.command) if view.x_runloop_mcp else None
        if begun is not None:
            refuse_no_directory(view, begun.sent)
            params = begun.params
            is_plain = params.shell_name is None or not (params.environment or params.stdin or params.working_directory)
            command = found.text if found is not None and is_plain else self._cloud.known.covered(params.command)
            view = with_details(
                view,
                command,
                begun.sent,
                attached=params.attach_stdin,
                timed_out=begun.timed_out,
                seconds=(now_ms() - begun.start_time_ms) / 1000,
            )
        elif found is not None:
            attached = view.x_runloop_mcp is not None and view.x_runloop_mcp.attach_stdin
            view = with_details(view, found.text, found, attached=attached)
        view = _bounded(view) if last_n is None else view
        place = await self._cloud.places.of(view.devbox_id)
        if place.run_id is not None:
            start_time_ms = begun.start_time_ms if begun is not None else None
            await self._cloud.sightings.execution(place.run_id, view, start_time_ms)
        return view


def _is_timed_here(params: ExecuteParams) -> bool:
    """Whether this server ends the command when its time is over: a shell can't do that to what runs in itself."""
    return params.shell_name is not None and params.timeout_seconds is not None


def _lines(last_n: int | None) -> int:
    return _TAIL_LINES if last_n is None else last_n


def _bounded(view: ExecutionView) -> ExecutionView:
    """The view with the ends of its streams alone."""
    changes: dict[str, object] = {}
    for name in ("stdout", "stderr"):
        text: str = getattr(view, name) or ""
        data = text.encode("utf-8", "replace")
        if len(data) > _TAIL_BYTES:
            changes[name] = data[-_TAIL_BYTES:].decode("utf-8", "ignore")
            changes[f"{name}_truncated"] = True
    return view.model_copy(update=changes) if changes else view
