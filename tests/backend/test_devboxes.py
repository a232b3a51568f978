"""The contract of devboxes: commands, their output, and files."""

import anyio
import pytest
from backend_cases import OpenBackend
from greeting_scenario import greeting, run_command, started

from runloop_mcp.api import output_search
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.devbox import ExecuteParams, OutputStream


async def test_a_command_has_an_exit_status_and_two_streams(open_backend: OpenBackend) -> None:
    """Streams are kept apart and whole, trailing newline included."""
    async with open_backend() as backend:
        run = await started(backend)
        execution = await run_command(backend, run, "echo out; echo err >&2; exit 3")
        assert (execution.exit_status, execution.stdout, execution.stderr) == (3, "out\n", "err\n")
        assert (execution.stdout_truncated, execution.stderr_truncated) == (False, False)


@pytest.mark.needs("has_rights_outside_home")
async def test_commands_start_in_the_working_directory(open_backend: OpenBackend) -> None:
    """The scenario's working directory by default, else the one asked for: relative to it, absolute, or in the home."""
    async with open_backend() as backend:
        run = await started(backend, greeting(working_directory="/srv/task", launch_commands=["mkdir inner"]))
        assert (await run_command(backend, run, "pwd")).stdout == "/srv/task\n"
        await run_command(backend, run, "mkdir ~/deep")
        places = {
            "inner": "/srv/task/inner",
            "/home/user": "/home/user",
            "~": "/home/user",
            "~/": "/home/user",
            "~/deep": "/home/user/deep",
        }
        for asked, there in places.items():
            execution = await backend.devboxes.execute(
                run.devbox_id, ExecuteParams(command="pwd", working_directory=asked)
            )
            assert execution.stdout == f"{there}\n"
            shown = await backend.devboxes.execute(
                run.devbox_id, ExecuteParams(command="pwd", working_directory=asked, shell_name="one")
            )
            assert shown.stdout == f"{there}\n"
        with pytest.raises(InvalidRequest, match="nowhere"):
            await backend.devboxes.execute(run.devbox_id, ExecuteParams(command="pwd", working_directory="nowhere"))


async def test_a_command_gets_its_variables_and_its_input(open_backend: OpenBackend) -> None:
    """Variables and standard input of one command are its alone."""
    async with open_backend() as backend:
        run = await started(backend)
        execution = await backend.devboxes.execute(
            run.devbox_id, ExecuteParams(command='cat; echo "$COLOUR"', stdin="typed\n", environment={"COLOUR": "red"})
        )
        assert execution.stdout == "typed\nred\n"
        assert (await run_command(backend, run, 'echo "[$COLOUR]"; cat')).stdout == "[]\n"


async def test_the_time_limit_ends_the_command_and_what_it_started(open_backend: OpenBackend) -> None:
    """What was printed before stays readable, and nothing of the command runs on."""
    async with open_backend() as backend:
        run = await started(backend)
        execution = await backend.devboxes.execute(
            run.devbox_id,
            ExecuteParams(command="echo before; (trap '' TERM; sleep 4711) & sleep 4711", timeout_seconds=0.5),
        )
        assert execution.stdout == "before\n"
        assert execution.x_runloop_mcp is not None
        assert execution.x_runloop_mcp.timed_out
        assert execution.exit_status == 137
        listed = await run_command(backend, run, "cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' '")
        assert "sleep 4711" not in (listed.stdout or "")


async def test_a_long_command_is_polled_to_its_end(open_backend: OpenBackend) -> None:
    """Past the wait the command runs on; its output can be read meanwhile, and its end is seen when it comes."""
    async with open_backend() as backend:
        run = await started(backend)
        command = "mkfifo go; echo one; read line < go; echo $line"
        begun = await backend.devboxes.execute(run.devbox_id, ExecuteParams(command=command), wait_seconds=0)
        assert (begun.status, begun.exit_status) == ("running", None)
        # Writing to the pipe blocks until the command has come to read it, so by then its first line is out.
        await run_command(backend, run, "until [ -p go ]; do sleep 0.01; done; echo two > go")
        ended = await backend.devboxes.execution(run.devbox_id, begun.execution_id, wait_seconds=20)
        assert (ended.status, ended.exit_status, ended.stdout) == ("completed", 0, "one\ntwo\n")


async def test_an_execution_can_be_killed(open_backend: OpenBackend) -> None:
    """Killing ends it at once and says so; killing it again changes nothing."""
    async with open_backend() as backend:
        run = await started(backend)
        begun = await backend.devboxes.execute(run.devbox_id, ExecuteParams(command="sleep 1000"), wait_seconds=0)
        killed = await backend.devboxes.kill(run.devbox_id, begun.execution_id)
        assert killed.status == "completed"
        assert killed.x_runloop_mcp is not None
        assert killed.x_runloop_mcp.killed
        assert (await backend.devboxes.kill(run.devbox_id, begun.execution_id)).exit_status == killed.exit_status


async def test_large_output_is_kept_whole_and_read_by_range(open_backend: OpenBackend) -> None:
    """The view holds the end; ranges by byte give everything, from either end, also after shutdown."""
    async with open_backend() as backend:
        run = await started(backend)
        execution = await run_command(backend, run, "seq 1 200000")
        whole = "".join(f"{number}\n" for number in range(1, 200_001))
        assert execution.stdout_truncated
        assert execution.stdout
        assert whole.endswith(execution.stdout)
        last = await backend.devboxes.execution(run.devbox_id, execution.execution_id, last_n=2)
        assert (last.stdout, last.stdout_truncated) == ("199999\n200000\n", True)
        await backend.runs.cancel(run.id)
        read, offset = [], 0
        while True:
            part = await backend.devboxes.read_output(
                run.devbox_id, execution.execution_id, OutputStream.STDOUT, offset=offset, limit=300_000
            )
            assert part.total_bytes == len(whole)
            read.append(part.text)
            offset = part.next_offset
            if offset == part.total_bytes:
                break
        assert "".join(read) == whole
        end = await backend.devboxes.read_output(run.devbox_id, execution.execution_id, OutputStream.STDOUT, offset=-7)
        assert end.text == "200000\n"


async def test_output_is_searched_by_regular_expression(
    open_backend: OpenBackend, full_size: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matches come with line number and byte offset; a pattern that is none, or never ends, is refused."""
    if not full_size:
        monkeypatch.setattr(output_search, "_SEARCH_SECONDS", 0.2)
    async with open_backend() as backend:
        run = await started(backend)
        execution = await run_command(backend, run, "seq 1 30000; echo; printf 'a%.0s' $(seq 5000); echo b")
        place = (run.devbox_id, execution.execution_id, OutputStream.STDOUT)
        found = await backend.devboxes.search_output(*place, "^1234.$", limit=3)
        assert found.total_matches == 10
        assert [match.text for match in found.matches] == ["12340", "12341", "12342"]
        at = await backend.devboxes.read_output(*place, offset=found.matches[0].offset, limit=5)
        assert at.text == "12340"
        assert found.matches[0].line_number == 12340
        with pytest.raises(InvalidRequest, match="regular expression"):
            await backend.devboxes.search_output(*place, "(")
        with pytest.raises(InvalidRequest, match="longer than"):
            await backend.devboxes.search_output(*place, "(a|aa)+$")


async def test_any_bytes_become_valid_text(open_backend: OpenBackend) -> None:
    """NUL, invalid UTF-8 and a lone surrogate in output reach the caller as replacement characters."""
    async with open_backend() as backend:
        run = await started(backend)
        execution = await run_command(backend, run, r"printf 'a\0b\xff\xed\xa0\x80c'")
        assert execution.stdout is not None
        assert execution.stdout.encode()
        assert execution.stdout.replace("\ufffd", "") == "abc"
        assert "\0" not in execution.stdout


async def test_characters_are_not_torn_between_ranges(open_backend: OpenBackend) -> None:
    """Reading on from `next_offset` gives the text unharmed, whatever the limit."""
    async with open_backend() as backend:
        run = await started(backend)
        execution = await run_command(backend, run, "printf 'é漢🦊%.0s' 1 2 3 4 5")
        text, offset = "", 0
        while offset < 45:
            part = await backend.devboxes.read_output(
                run.devbox_id, execution.execution_id, OutputStream.STDOUT, offset=offset, limit=4
            )
            text += part.text
            assert part.next_offset > offset
            offset = part.next_offset
        assert text == "é漢🦊" * 5


async def test_the_same_key_executes_once(open_backend: OpenBackend) -> None:
    """A repeated command with its key gives the first execution and runs nothing."""
    async with open_backend() as backend:
        run = await started(backend)
        params = ExecuteParams(command="echo x >> count; wc -l < count")
        first = await backend.devboxes.execute(run.devbox_id, params, idempotency_key="k")
        again = await backend.devboxes.execute(run.devbox_id, params, idempotency_key="k")
        assert (first.execution_id, first.stdout) == (again.execution_id, again.stdout)
        with pytest.raises(InvalidRequest, match="other arguments"):
            await backend.devboxes.execute(run.devbox_id, ExecuteParams(command="true"), idempotency_key="k")


async def test_calls_side_by_side_with_one_key_execute_once(open_backend: OpenBackend) -> None:
    """A client that repeats a call before it is answered gets the same execution, and nothing runs twice."""
    async with open_backend() as backend:
        run = await started(backend)
        params = ExecuteParams(command="echo x >> count; wc -l < count")
        ids: list[str] = []

        async def call() -> None:
            execution = await backend.devboxes.execute(run.devbox_id, params, idempotency_key="k")
            assert execution.stdout == "1\n"
            ids.append(execution.execution_id)

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(call)
        assert len(ids) == 5
        assert len(set(ids)) == 1


async def test_a_limit_on_commands_holds(open_backend: OpenBackend) -> None:
    """Commands side by side can't pass the limit together, and the budget says what is left."""
    async with open_backend() as backend:
        run = await started(backend, greeting(metadata={"max_commands": "3"}))
        outcomes: list[str] = []

        async def attempt() -> None:
            try:
                await run_command(backend, run, "true")
                outcomes.append("ran")
            except InvalidState:
                outcomes.append("refused")

        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(attempt)
        assert sorted(outcomes) == ["ran"] * 3 + ["refused"] * 3
        budget = (await backend.runs.retrieve(run.id)).x_runloop_mcp
        assert budget is not None
        assert budget.budget.commands_left == 0


async def test_a_canceled_call_leaves_no_command_behind(open_backend: OpenBackend) -> None:
    """Nobody learned the execution's id, so it is ended with the call."""
    async with open_backend() as backend:
        run = await started(backend)
        with anyio.move_on_after(0.3):
            await backend.devboxes.execute(run.devbox_id, ExecuteParams(command="sleep 4712"))
        listed = await run_command(backend, run, "cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' '")
        assert "sleep 4712" not in (listed.stdout or "")


async def test_files_are_written_and_read(open_backend: OpenBackend) -> None:
    """Relative paths begin at the working directory, `~/` at the home; directories are made as needed."""
    async with open_backend() as backend:
        run = await started(backend)
        assert await backend.devboxes.write_file(run.devbox_id, "deep/down/file.bin", b"\0\xffbytes") == 7
        file = await backend.devboxes.read_file(run.devbox_id, "deep/down/file.bin")
        assert (file.data, file.total_bytes) == (b"\0\xffbytes", 7)
        part = await backend.devboxes.read_file(run.devbox_id, "deep/down/file.bin", offset=2, limit=3)
        assert part.data == b"byt"
        await backend.devboxes.write_file(run.devbox_id, "~/.profile", b"x")
        assert (await run_command(backend, run, "cat ~/.profile; ls")).stdout == "xdeep\n"
        with pytest.raises(NotFound):
            await backend.devboxes.read_file(run.devbox_id, "not-there")
        with pytest.raises(InvalidRequest):
            await backend.devboxes.read_file(run.devbox_id, "deep")


async def test_what_is_not_there_is_not_found(open_backend: OpenBackend) -> None:
    """Unknown devboxes and executions answer NotFound on every call."""
    async with open_backend() as backend:
        run = await started(backend)
        for call in (
            backend.devboxes.execute("dbx_none", ExecuteParams(command="true")),
            backend.devboxes.execution(run.devbox_id, "exe_none"),
            backend.devboxes.kill(run.devbox_id, "exe_none"),
            backend.devboxes.read_output(run.devbox_id, "exe_none", OutputStream.STDERR),
            backend.devboxes.read_file("dbx_none", "x"),
            backend.devboxes.write_file("dbx_none", "x", b""),
        ):
            with pytest.raises(NotFound):
                await call


@pytest.mark.needs("keeps_keys_as_given")
async def test_a_key_that_is_no_valid_text_ends_nothing(open_backend: OpenBackend) -> None:
    """A command whose key can't be kept is answered, says so, and the backend works on."""
    async with open_backend() as backend:
        run = await started(backend)
        params = ExecuteParams(command="echo on; sleep 0.1")
        odd = await backend.devboxes.execute(run.devbox_id, params, idempotency_key="\ud800")
        assert odd.stdout == "on\n"
        assert odd.x_runloop_mcp is not None
        assert any("could not be kept" in note for note in odd.x_runloop_mcp.notes)
        assert (await run_command(backend, run, "echo still here")).stdout == "still here\n"
