"""Files of the devbox, as editors handle them."""

import base64
from pathlib import Path

import anyio
import pytest
from mcp_agent import ERAS, Serve, scenario_folder
from mcp_types import ImageContent, TextContent

SOURCE = "def one():\n    return 1\n\n\ndef two():\n    return 1\n"


async def test_what_is_written_is_read_with_line_numbers(tmp_path: Path, serve: Serve) -> None:
    """Directories are made, ranges hold, and the end of a reply says where to read on."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        await agent.call("write_file", run_id=run_id, path="deep/er/a.py", content=SOURCE)
        whole = await agent.call("read_file", run_id=run_id, path="deep/er/a.py")
        assert "6 lines" in whole.text
        assert "     1\tdef one():\n     2\t    return 1\n" in whole.text
        part = await agent.call("read_file", run_id=run_id, path="deep/er/a.py", start_line=5, end_line=5)
        assert part.text.splitlines()[1:] == ["     5\tdef two():", "Go on with start_line=6."]
        assert "6 lines" in await agent.refused("read_file", run_id=run_id, path="deep/er/a.py", start_line=7)
        await agent.call("exec_on_devbox", run_id=run_id, command="seq 1 100000 > long; : > empty")
        first = await agent.call("read_file", run_id=run_id, path="long")
        assert len(first.text) < 25_000
        line = int(first.found(r"start_line=(\d+)"))
        again = await agent.call("read_file", run_id=run_id, path="long", start_line=line)
        assert f"\n{line:>6}\t{line}\n" in again.text
        assert "empty" in (await agent.call("read_file", run_id=run_id, path="empty")).text


async def test_an_edit_replaces_exactly_one_place(tmp_path: Path, serve: Serve) -> None:
    """Ambiguity is refused with the lines, replace_all takes all, and the answer shows the edit."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        file = {"run_id": run_id, "path": "a.py"}
        await agent.call("write_file", **file, content=SOURCE)
        text = await agent.refused("edit_file", **file, old_string="return 1", new_string="return 2")
        assert "occurs 2 times, at lines 2, 6" in text
        assert "replace_all" in text
        edited = await agent.call(
            "edit_file", **file, old_string="two():\n    return 1", new_string="two():\n    return 2"
        )
        assert "     6\t    return 2" in edited.text
        await agent.call("edit_file", **file, old_string="return", new_string="yield", replace_all=True)
        back = await agent.call("exec_on_devbox", run_id=run_id, command="cat a.py")
        assert SOURCE.replace("return 1\n\n", "yield 1\n\n").replace("return 1", "yield 2") in back.text


async def test_an_edit_that_does_not_fit_says_what_is_there(tmp_path: Path, serve: Serve) -> None:
    """Other white space, other following lines, nothing similar: the answer shows the place, and nothing changes."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        file = {"run_id": run_id, "path": "a.py"}
        await agent.call("write_file", **file, content=SOURCE)
        text = await agent.refused("edit_file", **file, old_string="\treturn 1\n\treturn", new_string="x")
        assert "other white space:\n     2\t    return 1" in text
        text = await agent.refused("edit_file", **file, old_string="def two():\n    return 3", new_string="x")
        assert "the lines after it differ:\n     5\tdef two():" in text
        text = await agent.refused("edit_file", **file, old_string="def twoo():", new_string="x")
        assert "The nearest there is:\n     5\tdef two():" in text
        assert "similar" in await agent.refused("edit_file", **file, old_string="zebra zebra", new_string="x")
        assert "same" in await agent.refused("edit_file", **file, old_string="def", new_string="def")
        assert "write_file" in await agent.refused("edit_file", **file, old_string="", new_string="x")
        assert SOURCE in (await agent.call("exec_on_devbox", run_id=run_id, command="cat a.py")).text


async def test_windows_line_ends_survive_an_edit(tmp_path: Path, serve: Serve) -> None:
    """What was shown as plain lines is found again, and the file keeps its line ends."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        file = {"run_id": run_id, "path": "dos.txt"}
        await agent.call("write_file", **file, content="one\r\ntwo\r\n")
        assert "     1\tone\n     2\ttwo" in (await agent.call("read_file", **file)).text
        await agent.call("edit_file", **file, old_string="one\ntwo\n", new_string="one\n2\n")
        back = await agent.call("exec_on_devbox", run_id=run_id, command="od -An -c dos.txt")
        assert back.text.split("---")[1].split("\n", 1)[1].split() == ["o", "n", "e", r"\r", r"\n", "2", r"\r", r"\n"]


async def test_edits_side_by_side_all_arrive(tmp_path: Path, serve: Serve) -> None:
    """Agents send several edits at once: none of them undoes another."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        file = {"run_id": run_id, "path": "list"}
        await agent.call("write_file", **file, content="".join(f"<{number}>\n" for number in range(12)))
        async with anyio.create_task_group() as tasks:
            for number in range(12):
                change = {"old_string": f"<{number}>", "new_string": f"[{number}]"}
                tasks.start_soon(lambda change=change: agent.call("edit_file", **file, **change))
        back = await agent.call("exec_on_devbox", run_id=run_id, command="cat list")
        assert "".join(f"[{number}]\n" for number in range(12)) in back.text


async def test_files_that_are_no_text_or_not_there_are_named(tmp_path: Path, serve: Serve) -> None:
    """Binary files, other encodings, directories, missing files: each answer says what to do instead."""
    async with serve(scenario_folder(tmp_path / "pack", "box")) as agent:
        run_id = await agent.run_of("box")
        make = r"mkdir d; printf 'a\0b' > binary; printf 'caf\xe9\n' > latin"
        await agent.call("exec_on_devbox", run_id=run_id, command=make)
        binary = await agent.call("read_file", run_id=run_id, path="binary")
        assert "binary: 3 bytes" in binary.text
        assert "61 00 62" in binary.text
        await agent.call("write_file", run_id=run_id, path="odd", content="a\x1b[2J\x0b\x9bz\tb\n")
        assert "     1\ta\ufffd[2J\ufffd\ufffdz\tb" in (await agent.call("read_file", run_id=run_id, path="odd")).text
        assert "caf\ufffd" in (await agent.call("read_file", run_id=run_id, path="latin")).text
        change = {"old_string": "caf", "new_string": "x"}
        assert "not UTF-8" in await agent.refused("edit_file", run_id=run_id, path="latin", **change)
        for tool, arguments in (
            ("read_file", {}),
            ("edit_file", change),
        ):
            assert "missing.txt" in await agent.refused(tool, run_id=run_id, path="missing.txt", **arguments)
            await agent.refused(tool, run_id=run_id, path="d", **arguments)
        await agent.refused("write_file", run_id=run_id, path="d", content="x")


PIXEL = (
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f00010501012718e366"
    "0000000049454e44ae426082"
)


@pytest.mark.parametrize("era", ERAS)
async def test_an_image_is_shown(tmp_path: Path, serve: Serve, era: str) -> None:
    """As an image for clients that show one, with its form and size as text for those that don't."""
    async with serve(scenario_folder(tmp_path / "pack", "box"), era=era) as agent:
        run_id = await agent.run_of("box")
        make = f"python3 -c \"open('dot.png', 'wb').write(bytes.fromhex('{PIXEL}'))\""
        await agent.call("exec_on_devbox", run_id=run_id, command=make)
        text, image = (await agent.client.call_tool("read_file", {"run_id": run_id, "path": "dot.png"})).content
        assert isinstance(text, TextContent)
        assert "image/png, 1 by 1 pixels" in text.text
        assert isinstance(image, ImageContent)
        assert base64.b64decode(image.data).hex() == PIXEL
