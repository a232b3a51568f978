"""Commands on devboxes: started once, waited for, and their output as it comes."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

import anyio
import httpx

from runloop_mcp.api.models.devbox import ExecutionStatus, ExecutionView, OutputStream, StdinSignal
from runloop_mcp.client.ask import Ask, place
from runloop_mcp.client.calls import Calls
from runloop_mcp.client.event_stream import events
from runloop_mcp.client.failures import unreachable
from runloop_mcp.client.long_polls import poll
from runloop_mcp.client.retries import asked_seconds, may_retry
from runloop_mcp.client.wire import Refused

_ONE: Final = "/v1/devboxes/{}/executions/{}"
LONGEST_WAIT: Final = 25.0
"""Seconds that one request waits for a command at most."""
_SILENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """A piece of a stream."""

    text: str
    offset: int
    """The first byte."""
    end: int
    """The byte just past it, to go on from."""


class ExecutionCalls(Calls):
    """Executions of the API."""

    async def execute(
        self,
        devbox_id: str,
        command: str,
        *,
        command_id: str,
        wait_seconds: float = LONGEST_WAIT,
        shell_name: str | None = None,
        last_n: int | None = None,
    ) -> ExecutionView:
        """Runs a command, once for each `command_id`; answers at its end or when the wait is over, and lets it run on.

        Args:
            devbox_id: Where it runs; a devbox that is booting is waited for.
            command: For bash, in the user's home.
            command_id: A UUID of version 7.
            wait_seconds: At most 25.
            shell_name: The shell that it runs in, which keeps its state from one command to the next.
            last_n: How many last lines of its output the answer holds; the server's 100 where absent.
        """
        # The command's own id is enough, and asked for again it may be waited for differently.
        body = {
            "command": command,
            "command_id": command_id,
            "optimistic_timeout": int(min(wait_seconds, LONGEST_WAIT)),
        }
        if shell_name is not None:
            body["shell_name"] = shell_name
        path = place("/v1/devboxes/{}/execute", devbox_id)
        return await self._post(ExecutionView, path, body, query={"last_n": last_n}, request_id="", long=True)

    async def start(
        self,
        devbox_id: str,
        command: str,
        *,
        shell_name: str | None = None,
        attach_stdin: bool = False,
        request_id: str | None = None,
    ) -> ExecutionView:
        """Starts a command, once for each request id; answers at once."""
        body: dict[str, Any] = {"command": command}
        if shell_name is not None:
            body["shell_name"] = shell_name
        if attach_stdin:
            body["attach_stdin"] = True
        path = place("/v1/devboxes/{}/execute_async", devbox_id)
        return await self._post(ExecutionView, path, body, request_id=request_id, long=True)

    async def retrieve(self, devbox_id: str, execution_id: str, *, last_n: int | None = None) -> ExecutionView:
        """One execution as it stands."""
        return await self._get(ExecutionView, place(_ONE, devbox_id, execution_id), {"last_n": last_n})

    async def wait(
        self, devbox_id: str, execution_id: str, *, wait_seconds: float, last_n: int | None = None
    ) -> ExecutionView:
        """The execution, once it has completed or the wait is over."""
        path = place(_ONE + "/wait_for_status", devbox_id, execution_id)

        def ask(seconds: float) -> Ask:
            body = {"statuses": [ExecutionStatus.COMPLETED.value], "timeout_seconds": seconds}
            return Ask("POST", path, body, query={"last_n": last_n})

        view = await poll(
            self._wire,
            ask,
            ExecutionView,
            wanted=lambda seen: seen.status == ExecutionStatus.COMPLETED,
            seconds=wait_seconds,
            longest=LONGEST_WAIT,
        )
        return view or await self.retrieve(devbox_id, execution_id, last_n=last_n)

    async def kill(self, devbox_id: str, execution_id: str, *, group: bool = True) -> ExecutionView:
        """Ends an execution, and what it started where `group` is set."""
        path = place(_ONE + "/kill", devbox_id, execution_id)
        return await self._post(ExecutionView, path, {"kill_process_group": group})

    async def send_stdin(
        self,
        devbox_id: str,
        execution_id: str,
        *,
        text: str | None = None,
        signal: StdinSignal | None = None,
        request_id: str | None = None,
    ) -> None:
        """Sends text or a signal, or a signal behind text."""
        body = {"text": text, "signal": signal}
        path = place(_ONE + "/send_std_in", devbox_id, execution_id)
        given = {name: value for name, value in body.items() if value is not None}
        await self._wire.send(Ask("POST", path, given, request_id=request_id))

    async def stream(
        self, devbox_id: str, execution_id: str, stream: OutputStream, *, offset: int = 0
    ) -> AsyncGenerator[OutputChunk, None]:
        """A stream of an execution from a byte on, as it comes, to its end; resumed where the connection breaks."""
        path = place(_ONE + f"/stream_{stream.value}_updates", devbox_id, execution_id)
        failures = 0
        while True:
            error, asked = None, None
            try:
                ask = Ask("GET", path, query={"offset": offset})
                silence = max(_SILENCE_SECONDS, self._wire.deadlines.read)
                async with self._wire.stream(ask, silence_seconds=silence) as response:
                    async for event in events(response):
                        chunk = _chunk(event, offset)
                        failures, offset = 0, chunk.end
                        yield chunk
            except Refused as refused:
                error = self._wire.error_of(refused.response, ask)
                asked = asked_seconds(refused.response.headers)
                if not may_retry(refused.response.status_code, refused.response.headers):
                    raise error from None
            except httpx.ReadTimeout:
                continue  # A silent command is no failure.
            except httpx.TransportError as failure:
                error = unreachable(failure, self._wire.host)
            if error is None:
                if (await self.retrieve(devbox_id, execution_id)).status == ExecutionStatus.COMPLETED:
                    return
                # A server may end a stream that has grown old, and a proxy one that it finds idle.
                error = unreachable(httpx.RemoteProtocolError("the stream ended before the command"), self._wire.host)
            failures += 1
            if failures >= self._wire.policy.most_attempts:
                raise error
            await anyio.sleep(self._wire.policy.wait(failures) if asked is None else asked)


def _chunk(event: dict[str, Any], offset: int) -> OutputChunk:
    """The output of an event.

    Raises:
        httpx.RemoteProtocolError: It tells of an error. Asked again from here, the server says it as an answer, or has
            mended it.
    """
    if "output" not in event and "code" in event:
        raise httpx.RemoteProtocolError("the stream was broken off")
    text = str(event.get("output") or "")
    end = event.get("offset")
    return OutputChunk(text, offset, end if isinstance(end, int) else offset + len(text.encode("utf-8", "replace")))
