"""The contract of following output: whoever reads with a wait gets what comes when it comes."""

import anyio
from backend_cases import OpenBackend
from greeting_scenario import keep_secret

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.devbox import DevboxCreateParams, ExecuteParams, OutputRange, OutputStream, StdinSignal

_ECHOES = 'while IFS= read -r line; do printf "$line"; done'
"""Prints each line that it is sent, which `printf` may take as a format."""


class _Follower:
    """Reads an execution's standard output, always on from where it was."""

    def __init__(self, backend: Backend, devbox_id: str, execution_id: str) -> None:
        self._backend = backend
        self._place = (devbox_id, execution_id)
        self._offset = 0

    async def next(self, *, wait_seconds: float = 20) -> OutputRange:
        """What comes next."""
        part = await self._backend.devboxes.read_output(
            *self._place, OutputStream.STDOUT, offset=self._offset, wait_seconds=wait_seconds
        )
        assert part.offset == self._offset
        self._offset = part.next_offset
        return part

    def another(self) -> "_Follower":
        """One that has read nothing yet."""
        return _Follower(self._backend, *self._place)

    async def send(self, text: str) -> None:
        """Sends it a line."""
        await self._backend.devboxes.send_stdin(*self._place, text=f"{text}\n")

    async def end(self) -> None:
        """Ends its input."""
        await self._backend.devboxes.send_stdin(*self._place, signal=StdinSignal.EOF)


async def _following(backend: Backend, command: str = _ECHOES, **params: object) -> _Follower:
    devbox = await backend.devboxes.create(DevboxCreateParams.model_validate(params))
    begun = await backend.devboxes.execute(devbox.id, ExecuteParams(command=command, attach_stdin=True), wait_seconds=0)
    return _Follower(backend, devbox.id, begun.execution_id)


async def test_what_is_printed_is_read_as_it_comes(open_backend: OpenBackend) -> None:
    """Each wait ends with the next output; one that nothing comes in ends empty, and the end of the stream is told."""
    async with open_backend() as backend:
        follower = await _following(backend)
        for text in ("one", "two", "three"):
            await follower.send(text)
            part = await follower.next()
            assert (part.text, part.complete) == (text, False)
        nothing = await follower.next(wait_seconds=0.05)
        assert (nothing.text, nothing.complete, nothing.total_bytes) == ("", False, 11)
        await follower.end()
        last = await follower.next()
        assert (last.text, last.complete, last.total_bytes) == ("", True, 11)


async def test_everyone_who_waits_is_woken(open_backend: OpenBackend) -> None:
    """Several may follow one stream, and none of them takes anything from the others."""
    async with open_backend() as backend:
        first = await _following(backend)
        seen: list[str] = []

        async def follow(follower: _Follower) -> None:
            seen.append((await follower.next()).text)

        async with anyio.create_task_group() as group:
            for follower in (first, first.another(), first.another()):
                group.start_soon(follow, follower)
            await anyio.wait_all_tasks_blocked()
            await first.send("word")
        assert seen == ["word"] * 3


async def test_the_end_ends_a_wait(open_backend: OpenBackend) -> None:
    """Who waits as the command ends is told that no more will come, and need not ask again."""
    async with open_backend() as backend:
        follower = await _following(backend)
        parts: list[OutputRange] = []

        async def follow() -> None:
            parts.append(await follower.next())

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            await follower.end()
        assert [(part.text, part.complete) for part in parts] == [("", True)]


async def test_large_output_is_followed_whole(open_backend: OpenBackend) -> None:
    """What is read in parts while it is printed is what was printed, and what comes after the end of one's time too."""
    async with open_backend() as backend:
        follower = await _following(backend, "for i in {1..30000}; do echo $i; done; exec cat")
        parts: list[str] = []
        while not "".join(parts[-2:]).endswith("30000\n"):
            parts.append((await follower.next()).text)
        assert "".join(parts) == "".join(f"{number}\n" for number in range(1, 30_001))
        await follower.end()
        assert (await follower.next()).complete


async def test_a_character_is_not_shown_before_it_is_whole(open_backend: OpenBackend) -> None:
    """Half of one is waited for; where the rest never comes, the end shows that something was there."""
    async with open_backend() as backend:
        follower = await _following(backend)
        await follower.send(r"\xe2\x82")
        assert (await follower.next(wait_seconds=0.1)).text == ""
        await follower.send(r"\xac")
        assert (await follower.next()).text == "€"
        await follower.send(r"\xe2")
        await follower.end()
        last = await follower.next()
        assert (last.text, last.complete) == ("\ufffd", True)


async def test_a_secret_is_not_shown_in_halves(open_backend: OpenBackend) -> None:
    """What may be the beginning of a value is shown once it is known not to be, or covered once it is known to be."""
    async with open_backend() as backend:
        await keep_secret(backend, "TOKEN", "hunter2-hunter2")
        follower = await _following(backend, secrets={"TOKEN": "TOKEN"})
        await follower.send("a hunter2-")
        assert (await follower.next()).text == "a "
        await follower.send("hunter2 b")
        shown = await follower.next()
        assert shown.text.endswith("] b")
        assert "hunter2" not in shown.text
        await follower.send("hunter")
        await follower.send(".")
        rest = await follower.next()
        while not rest.text.endswith("."):
            rest = await follower.next()
        assert rest.next_offset == rest.total_bytes


async def test_output_of_a_command_that_has_ended_is_not_waited_for(open_backend: OpenBackend) -> None:
    """Past its end there is nothing to come, and a wait for that is over at once."""
    async with open_backend() as backend:
        devbox = await backend.devboxes.create(DevboxCreateParams())
        ended = await backend.devboxes.execute(devbox.id, ExecuteParams(command="echo out"))
        with anyio.fail_after(10):
            part = await backend.devboxes.read_output(
                devbox.id, ended.execution_id, OutputStream.STDOUT, offset=4, wait_seconds=600
            )
        assert (part.text, part.complete) == ("", True)
