"""Commands on the devbox: what comes back of short, long, loud, hostile and endless ones."""

from pathlib import Path

import anyio
import pytest
from mcp_agent import ERAS, OLDER_IN_PROOF, Agent, Serve, scenario_folder

BUDGET = 16_000
"""Characters of output in one reply, as promised; the lines around it come on top."""
AROUND = 1_500
PATIENCE_SECONDS = 30


async def test_streams_come_apart_with_the_status(tmp_path: Path, serve: Serve) -> None:
    """Exit status, duration, standard output and standard error, each under its name; a failing command is no error."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        ran = await agent.call("exec_on_devbox", run_id=run_id, command="echo out; echo oops >&2; exit 3")
        assert ran.structured is None
        ran.found(r"^Exit status 3 after [\d.]+ m?s")
        assert "--- stdout, 4 bytes\nout\n--- stderr, 5 bytes\noops\n" in ran.text
        quiet = await agent.call("exec_on_devbox", run_id=run_id, command="true")
        assert "(no output)" in quiet.text


async def test_a_command_starts_where_it_is_told_with_its_input(tmp_path: Path, serve: Serve) -> None:
    """Working directory and standard input are the command's own; a directory that is not there is named."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        await agent.call("exec_on_devbox", run_id=run_id, command="mkdir sub")
        ran = await agent.call(
            "exec_on_devbox", run_id=run_id, command="pwd; tr a-z A-Z", working_directory="sub", stdin="hello"
        )
        ran.found(r"^/\S+/sub\nHELLO$")
        text = await agent.refused("exec_on_devbox", run_id=run_id, command="true", working_directory="nowhere")
        assert "nowhere" in text


async def test_long_output_is_cut_in_the_middle_and_readable_in_full(tmp_path: Path, serve: Serve) -> None:
    """Head and tail come within the budget in whole lines; ranges, search and the resource give all the rest."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        ran = await agent.call("exec_on_devbox", run_id=run_id, command="seq 1 40000; seq 1 9000 >&2")
        assert len(ran.text) <= BUDGET + AROUND
        assert "\n1\n2\n3\n" in ran.text
        assert "\n39999\n40000\n" in ran.text
        assert "\n8999\n9000\n" in ran.text
        whole = "".join(f"{number}\n" for number in range(1, 40_001))
        left_out = int(ran.found(r"\[… ([\d,]+) bytes left out").replace(",", ""))
        offset = int(ran.found(r'stream="stdout", offset=(\d+)'))
        assert f"\n{whole[:offset]}[… " in ran.text
        assert f" …]\n{whole[offset + left_out :]}" in ran.text
        execution_id = ran.found(r"exe_\w+")

        asked = {"run_id": run_id, "execution_id": execution_id}
        more = await agent.call("get_execution", **asked, offset=offset, limit=1000)
        assert whole[offset : offset + 990] in more.text
        assert f"offset={offset + 1000}" in more.text
        after = await agent.call("get_execution", **asked, offset=offset + left_out, limit=60)
        assert f"\n{whole[offset + left_out :][:50]}" in after.text
        end = await agent.call("get_execution", **asked, offset=-12)
        assert "39999\n40000" in end.text
        assert "This is the end." in end.text
        found = await agent.call("get_execution", **asked, search="^1234.$")
        assert "10 lines" in found.text
        assert f"\n12340\t{whole.index('12340')}\t12340\n" in found.text
        wrong = await agent.refused("get_execution", **asked, search="(")
        assert "regular expression" in wrong
        assert await agent.read(f"runloop://runs/{run_id}/executions/{execution_id}/stdout") == whole


async def test_very_large_output_stays_within_bounds(tmp_path: Path, serve: Serve) -> None:
    """Ten megabytes: the reply keeps its budget, and the resource gives its first few and how to go on."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        ran = await agent.call("exec_on_devbox", run_id=run_id, command="yes 'line of output' | head -c 10000000")
        assert len(ran.text) <= BUDGET + AROUND
        assert "10,000,000 bytes" in ran.text
        execution_id = ran.found(r"exe_\w+")
        whole = await agent.read(f"runloop://runs/{run_id}/executions/{execution_id}/stdout")
        assert 4_000_000 < len(whole) < 5_000_000
        assert f"offset={4 * 1024 * 1024}" in whole[-300:]


@pytest.mark.parametrize("era", OLDER_IN_PROOF)
async def test_hostile_bytes_come_as_valid_text(tmp_path: Path, serve: Serve, era: str) -> None:
    """Invalid UTF-8, NUL, surrogates, terminal escapes: readable text arrives, and the server lives on."""
    script = (
        r"printf 'ok \x1b[31mred\x1b[0m \x1b]0;title\x07 nul\x00 bad\xff\xfe half\xed\xa0\xbd bell\x07\r\n"
        r"10%%\r50%%\r100%% done\n\xf0\x9f'"
    )
    async with serve(scenario_folder(tmp_path / "pack", "box"), era=era) as agent:
        run_id = await agent.run_of("box")
        ran = await agent.call("exec_on_devbox", run_id=run_id, command=f"{script}; {script} >&2")
        execution_id = ran.found(r"exe_\w+")
        whole = await agent.read(f"runloop://runs/{run_id}/executions/{execution_id}/stderr")
        for text in (ran.text, whole):
            text.encode()
            assert "ok red  nul\ufffd bad\ufffd" in text
            assert "\n100% done\n" in text
            assert not set(text) & {chr(code) for code in [*range(9), *range(11, 32), 127]}
        await agent.call("write_file", run_id=run_id, path="made.txt", content="\x1b[2J\x00 \u2028 \ufeff x\n")
        back = await agent.call("exec_on_devbox", run_id=run_id, command="xxd -p made.txt || od -An -tx1 made.txt")
        assert back.text.replace(" ", "").count("1b5b324a00") == 1


async def test_binary_output_is_described_and_readable_by_range(tmp_path: Path, serve: Serve) -> None:
    """Its size, what it is and how it begins come instead of a dump; ranges show bytes, the resource tells the same."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        script = "import sys, zlib; sys.stdout.buffer.write(b'\\x7fELF' + bytes(range(256)) * 200)"
        ran = await agent.call("exec_on_devbox", run_id=run_id, command=f'python3 -c "{script}"; echo text >&2')
        assert "--- stderr, 5 bytes\ntext\n" in ran.text
        execution_id = ran.found(r"exe_\w+")
        whole = await agent.read(f"runloop://runs/{run_id}/executions/{execution_id}/stdout")
        for text in (ran.text, whole):
            assert "51,204 bytes, binary, ELF program or library; the first 64 bytes:\n" in text
            assert "00000000  7f 45 4c 46 00 01 02 03" in text
            assert len(text) < 1500
        asked = {"run_id": run_id, "execution_id": execution_id}
        part = await agent.call("get_execution", **asked, offset=20, limit=32)
        assert "bytes 20 to 52 of 51,204" in part.text
        assert "00000014  10 11 12 13" in part.text
        assert "Go on with offset=52." in part.text


async def test_search_sees_lines_as_they_are_shown_with_those_around(tmp_path: Path, serve: Serve) -> None:
    """Colours hide nothing from it; lines around come once, also where matches are near each other."""
    script = r"for i in $(seq 30); do printf '\x1b[32mline %d\x1b[0m\r\n' $i; done; printf '9%%\r99%%\n'"
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        ran = await agent.call("exec_on_devbox", run_id=run_id, command=script)
        asked = {"run_id": run_id, "execution_id": ran.found(r"exe_\w+")}
        found = await agent.call("get_execution", **asked, search="^line (3|5|20)$", context=1)
        assert "3 lines of stdout found" in found.text
        shown = [(line.split("\t")[0], line.split("\t")[-1]) for line in found.text.splitlines()[1:]]
        assert [number for number, _ in shown] == ["2-", "3", "4-", "5", "6-", "--", "19-", "20", "21-"]
        assert ("3", "line 3") in shown
        assert ("4-", "line 4") in shown
        assert "\n31\t" in (await agent.call("get_execution", **asked, search="^99%$")).text
        many = await agent.call("get_execution", **asked, search="line", context=20)
        assert many.text.count("\n1\t") == many.text.count("\tline 2\n") == 1
        # Compiled as they stand, these take all memory there is, and nothing ends that.
        for pattern in ("l{1000000000}", "(?:l{1000}){1000}", "(?x) l{1 0#,\n 0 0 0 0 0 0 0}", "l" * 100_000):
            assert "too large" in await agent.refused("get_execution", **asked, search=pattern)
        assert "regular expression" in await agent.refused("get_execution", **asked, search="(" * 2000 + ")" * 2000)
        identity = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
        assert "No line" in (await agent.call("get_execution", **asked, search=identity)).text
        ran = await agent.call(
            "exec_on_devbox", run_id=run_id, command="head -c 2500000 /dev/zero | tr '\\0' a; echo needle"
        )
        asked["execution_id"] = ran.found(r"exe_\w+")
        assert "1 line" in (await agent.call("get_execution", **asked, search="needle$")).text
        assert "No line" in (await agent.call("get_execution", **asked, search="^needle|b")).text


async def test_output_that_shows_little_is_shown_whole(tmp_path: Path, serve: Serve) -> None:
    """A progress bar of tens of kilobytes is one line in the end, and pushes nothing else out of the reply."""
    bar = r"echo first; for i in $(seq 4000); do printf '\r\x1b[K%4d of 4000 parts' $i; done; echo; echo last"
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        ran = await agent.call("exec_on_devbox", run_id=run_id, command=bar)
        assert "\nfirst\n4000 of 4000 parts\nlast\n" in ran.text
        assert "left out" not in ran.text


async def test_ranges_never_end_in_the_middle_of_an_escape(tmp_path: Path, serve: Serve) -> None:
    """However small the parts, colours leave no trace in any of them."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        ran = await agent.call("exec_on_devbox", run_id=run_id, command=r"printf 'a\x1b[1;31mred\x1b[0mé\x1b[4mline'")
        asked = {"run_id": run_id, "execution_id": ran.found(r"exe_\w+")}
        shown, offset, end = "", 0, 25
        while offset < end:
            part = await agent.call("get_execution", **asked, offset=offset, limit=9)
            shown += part.text.split("\n")[1]
            offset = int(part.found(r"bytes \d+ to (\d+) of 25"))
        assert shown == "aredéline"


async def test_a_time_limit_ends_the_command_and_keeps_its_output(tmp_path: Path, serve: Serve) -> None:
    """What was printed before stays readable, and the answer says that time ran out."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        ran = await agent.call("exec_on_devbox", run_id=run_id, command="echo begun; sleep 100", timeout_seconds=0.5)
        assert ran.text.startswith("Timed out")
        assert "\nbegun\n" in ran.text


async def test_a_background_command_is_polled_and_ended(tmp_path: Path, serve: Serve) -> None:
    """It answers at once; get_execution sees its output grow, waits for its end, and can bring that about."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        begun = await agent.call(
            "exec_on_devbox", run_id=run_id, command="echo up; until test -e go; do sleep 0.05; done", background=True
        )
        assert begun.text.startswith("Still ")
        assert "get_execution" in begun.text
        asked = {"run_id": run_id, "execution_id": begun.found(r"exe_\w+")}
        assert (await agent.call("get_execution", **asked, wait_seconds=0)).text.startswith("Still running")
        await agent.call("write_file", run_id=run_id, path="go", content="")
        ended = await agent.call("get_execution", **asked)
        assert ended.text.startswith("Exit status 0")
        assert "\nup\n" in ended.text

        endless = await agent.call("exec_on_devbox", run_id=run_id, command="sleep 1000", background=True)
        asked["execution_id"] = endless.found(r"exe_\w+")
        assert (await agent.call("get_execution", **asked, kill=True)).text.startswith("Killed")


async def _begun(agent: Agent, run_id: str) -> None:
    """Waits until a command has said in a file that it runs."""
    waiting = "until test -s pid; do sleep 0.05; done"
    await agent.call("exec_on_devbox", run_id=run_id, command=waiting, timeout_seconds=PATIENCE_SECONDS)


@pytest.mark.parametrize("era", ERAS)
async def test_a_canceled_call_ends_its_command(tmp_path: Path, serve: Serve, era: str) -> None:
    """A caller who gives up leaves nothing running; the run goes on."""
    async with serve(scenario_folder(tmp_path / "pack", "box"), era=era) as agent:
        run_id = await agent.run_of("box")
        with anyio.fail_after(PATIENCE_SECONDS):
            async with anyio.create_task_group() as tasks:
                command = "echo $$ > pid; exec sleep 1000"
                tasks.start_soon(lambda: agent.try_tool("exec_on_devbox", run_id=run_id, command=command))
                await _begun(agent, run_id)
                await anyio.sleep(0.3)  # the wait in which a call does not know its execution yet
                tasks.cancel_scope.cancel()
            gone = "while kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done; echo gone"
            assert "\ngone\n" in (await agent.call("exec_on_devbox", run_id=run_id, command=gone)).text


@pytest.mark.proof
async def test_a_long_command_reports_progress_and_returns_in_time(tmp_path: Path, serve: Serve) -> None:
    """Within 20 s the call returns with how to go on, and tells in between that it is still at it."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        begun = await agent.call("exec_on_devbox", run_id=run_id, command="sleep 1000", background=True)
        asked = {"run_id": run_id, "execution_id": begun.found(r"exe_\w+"), "wait_seconds": 4.5}
        heard: list[tuple[float, str | None]] = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            heard.append((progress, message))

        result = await agent.client.call_tool("get_execution", asked, progress_callback=hear)
        assert heard
        assert heard[0][0] <= 5
        assert heard[0][1] == "The command is running"
        assert "It runs on" in str(getattr(result.content[0], "text", ""))


@pytest.mark.proof
async def test_no_call_waits_for_longer_than_it_may(tmp_path: Path, serve: Serve) -> None:
    """A command of 25 s outlives its call, which tells how to go on; the next call sees its end."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        with anyio.fail_after(23):
            begun = await agent.call("exec_on_devbox", run_id=run_id, command="echo up; sleep 25; echo done")
        assert begun.text.startswith("Still running")
        ended = await agent.call("get_execution", run_id=run_id, execution_id=begun.found(r"exe_\w+"))
        assert "\nup\ndone\n" in ended.text


async def test_a_name_that_is_no_text_for_a_call_ends_no_server(tmp_path: Path, serve: Serve) -> None:
    """What a client names its use of a tool may be half a character: the command runs, and so does the server."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        arguments = {"run_id": await agent.run_of("box"), "command": "echo ran"}
        for _ in range(2):
            result = await agent.client.call_tool("exec_on_devbox", arguments, meta={"claudecode/toolUseId": "\ud800"})
            assert not result.is_error
