"""The contract of input and interrupts of running executions."""

import anyio
import pytest
from backend_cases import OpenBackend
from greeting_scenario import started

from runloop_mcp.api.errors import Conflict, InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.devbox import ExecuteParams, StdinSignal

TALK = "trap 'echo caught' INT; echo up; while read line; do echo got $line; done; echo end"


async def test_what_can_not_be_sent_is_refused_with_what_is_valid(open_backend: OpenBackend) -> None:
    """Not attached, ended, nothing to send, no such execution, held by another server: each is told apart."""
    async with open_backend() as backend, open_backend() as other:
        run = await started(backend)
        send = backend.devboxes.send_stdin
        plain = await backend.devboxes.execute(run.devbox_id, ExecuteParams(command="sleep 1000"), wait_seconds=0)
        place = (run.devbox_id, plain.execution_id)
        with pytest.raises(InvalidState, match="attach_stdin"):
            await send(*place, text="x")
        with pytest.raises(InvalidState, match="attach_stdin"):
            await send(*place, signal=StdinSignal.EOF)
        with pytest.raises(InvalidRequest, match="Neither"):
            await send(*place)
        with pytest.raises(NotFound):
            await send(run.devbox_id, "exe_none", text="x")
        await backend.devboxes.execution(*place, wait_seconds=0.1)
        with pytest.raises(Conflict, match="held by another"):
            await other.devboxes.send_stdin(*place, signal=StdinSignal.INTERRUPT)
        await send(*place, signal=StdinSignal.INTERRUPT)
        ended = await backend.devboxes.execution(*place, wait_seconds=20)
        assert (ended.status, ended.exit_status) == ("completed", 130)
        for given in ({"text": "x"}, {"signal": StdinSignal.EOF}, {"signal": StdinSignal.INTERRUPT}):
            with pytest.raises(InvalidState, match="exit status 130"):
                await send(*place, **given)


async def test_input_and_interrupts_are_for_one_execution(open_backend: OpenBackend) -> None:
    """What comes at first and later comes in order; EOF comes behind the text of its call; others are left alone."""
    async with open_backend() as backend:
        run = await started(backend)
        begun = []
        for stdin in ("one\n", None):
            params = ExecuteParams(command=TALK, stdin=stdin, attach_stdin=True)
            begun.append(await backend.devboxes.execute(run.devbox_id, params, wait_seconds=0))
        place, other = [(run.devbox_id, each.execution_id) for each in begun]
        assert (await backend.devboxes.send_stdin(*place, text="tw")).status == "running"
        while "up" not in ((await backend.devboxes.execution(*other)).stdout or ""):
            await anyio.lowlevel.checkpoint()
        await backend.devboxes.send_stdin(*other, signal=StdinSignal.INTERRUPT)
        await backend.devboxes.send_stdin(*place, text="o\né \udc80\n", signal=StdinSignal.EOF)
        ended = await backend.devboxes.execution(*place, wait_seconds=20)
        # Half a character is one that can't be read, or three bytes that can't, by the way that it took.
        said = (ended.stdout or "").replace("\ufffd\ufffd\ufffd", "\ufffd")
        assert (ended.exit_status, said) == (0, "up\ngot one\ngot two\ngot é \ufffd\nend\n")
        while "caught" not in ((await backend.devboxes.execution(*other)).stdout or ""):
            await anyio.lowlevel.checkpoint()
        await backend.devboxes.send_stdin(*other, text="on\n", signal=StdinSignal.EOF)
        ended = await backend.devboxes.execution(*other, wait_seconds=20)
        assert (ended.exit_status, ended.stdout) == (0, "up\ncaught\ngot on\nend\n")
