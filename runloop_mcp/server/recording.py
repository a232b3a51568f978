"""Calls of tools on runs, put into the records of those runs as their callers made them."""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final, cast

import anyio
from pydantic import JsonValue

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.trace import ToolCall
from runloop_mcp.server.arguments import is_too_deep
from runloop_mcp.server.handles import find_run
from runloop_mcp.server.printable import sendable, sendable_json

_log = logging.getLogger(__name__)

_HIDDEN: Final = "environment_variables"
"""The argument whose values no reply shows either: people keep keys in there."""
_REMEMBERED: Final = 10_000
_CANCELED_SECONDS: Final = 2.0
"""How long recording a call may take whose caller has gone away."""


class CallRecorder:
    """Records the calls of one principal."""

    def __init__(self, backend: Backend, principal: Principal) -> None:
        self._backend = backend
        self._principal = principal
        self._runs: dict[str, str] = {}
        """Run ids by what callers named runs, so that a call costs no look-up of its own."""

    def begin(self, tool: str, arguments: Mapping[str, Any]) -> ToolCall:
        """A call that begins now."""
        given = {name: value for name, value in arguments.items() if name != "run_id"}
        if isinstance(hidden := given.get(_HIDDEN), dict):
            given[_HIDDEN] = dict.fromkeys(hidden, "…")
        return ToolCall(tool=tool, arguments=given, principal=self._principal.id, start_time_ms=_now_ms())

    async def end(
        self, call: ToolCall, named: object, error: str | None = None, *, changed_nothing: bool = False
    ) -> None:
        """Records a call that has come to its end, unless that is done already or it was on no run.

        Args:
            call: The call.
            named: How its caller named the run.
            error: What its caller is told, where it failed.
            changed_nothing: That it did but read: of these there may be many, so they are kept together.
        """
        if call.recorded:
            return
        ended_ms = _now_ms()
        try:
            run_id = call.run_id or await self._find(named)
            if run_id is None:
                return
            if is_too_deep(call.arguments):
                call.arguments = {}  # they were refused, and nothing that keeps records could follow them
            call.arguments = cast("dict[str, object]", sendable_json(cast("JsonValue", call.arguments)))
            event = call.event(run_id, end_time_ms=ended_ms, error=error)
            await self._backend.trace.record(event, later=changed_nothing)
        except ApiError as failure:
            # The call was made all the same, and its caller gets the answer.
            _log.warning("A call of %s could not be recorded: %s", call.tool, failure)

    async def end_canceled(self, call: ToolCall, named: object) -> None:
        """Records a call whose caller no longer waits for it."""
        with anyio.move_on_after(_CANCELED_SECONDS, shield=True):
            await self.end(call, named, "The caller canceled it, or went away.")

    async def _find(self, named: object) -> str | None:
        """The run that was named, if it is one that the principal may see."""
        if not isinstance(named, str) or sendable(named) != named:
            return None  # half a character names nothing, and no store can be asked for it
        if (known := self._runs.get(named)) is not None:
            return known
        try:
            run = await find_run(self._backend, self._principal, named)
        except ApiError:
            return None  # the caller was told so
        if len(self._runs) >= _REMEMBERED:
            self._runs.clear()
        self._runs[named] = run.id
        return run.id


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
