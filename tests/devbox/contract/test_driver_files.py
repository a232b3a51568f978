"""Driver contract: reading, writing, deleting and finding files in a devbox."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import pytest
from boxes import PATIENCE_SECONDS, Workshop, python, succeed

from runloop_mcp.api.errors import ApiError, InvalidRequest, NotFound, Unavailable
from runloop_mcp.devbox.port import HOME, Devbox, FileData


async def test_a_file_is_read_with_its_size_and_mode(devbox: Devbox) -> None:
    """Reading gives the bytes as they are, the size and the permission bits."""
    await succeed(devbox, r"printf 'a\0\377\n' > file; chmod 750 file")
    assert await devbox.read_file("file") == FileData(b"a\0\xff\n", size=4, mode=0o750)


async def test_a_part_of_a_file_is_read(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """A range gives what the file has of it, and the size of the whole."""
    await devbox.write_file("file", b"0123456789")
    for offset, limit, expected in (
        (0, 3, b"012"), (4, 2, b"45"), (8, 100, b"89"), (10, None, b""), (99, 5, b""), (3, None, b"3456789"),
        (2, 0, b""),
    ):  # fmt: skip
        with subtests.test(offset=offset, limit=limit):
            found = await devbox.read_file("file", offset=offset, limit=limit)
            assert (found.data, found.size) == (expected, 10)


async def test_a_small_part_of_a_huge_file_is_read(devbox: Devbox) -> None:
    """A range far inside a file of a terabyte costs no more than the range."""
    await succeed(devbox, "truncate -s 1T huge; printf end >> huge")
    with anyio.fail_after(PATIENCE_SECONDS):
        assert await devbox.read_file("huge", offset=2**40 - 1, limit=100) == FileData(b"\0end", 2**40 + 3, 0o644)


async def test_large_files_go_in_and_come_out(devbox: Devbox, full_size: bool) -> None:
    """Several megabytes, many times what goes over at once, are written and read back whole."""
    data = bytes(range(256)) * (80_000 if full_size else 20_000)
    with anyio.fail_after(PATIENCE_SECONDS):
        await devbox.write_file("large", data)
        assert (await devbox.read_file("large")).data == data


async def test_a_new_file_belongs_to_the_devboxs_user(devbox: Devbox) -> None:
    """A written file comes with its directories, with mode 644, and the user's commands can change all of it."""
    await devbox.write_file("new/deep/file", b"one\n")
    assert await succeed(devbox, "stat -c %a new/deep/file; echo two >> new/deep/file; mkdir new/deep/more") == "644"
    assert (await devbox.read_file(f"{HOME}/work/new/deep/file")).data == b"one\ntwo\n"
    assert await succeed(devbox, "rm -r new; ls") == ""


async def test_writing_replaces_the_contents_and_keeps_the_mode(devbox: Devbox) -> None:
    """An existing file is written whole, its mode stays unless another is asked for, and hard links see the change."""
    await succeed(devbox, "printf 'something long' > file; chmod 751 file; ln file other")
    await devbox.write_file("file", b"short")
    assert await devbox.read_file("file") == FileData(b"short", 5, 0o751)
    await devbox.write_file("file", b"", mode=0o600)
    assert await devbox.read_file("file") == FileData(b"", 0, 0o600)
    await devbox.write_file("script", b"#!/bin/sh\necho ran", mode=0o755)
    assert await succeed(devbox, "./script") == "ran"


async def test_paths_begin_at_the_working_directory(workshop: Workshop) -> None:
    """Relative paths begin at the working directory, absolute ones at the devbox's root, home and /tmp included."""
    devbox = await workshop.create(working_directory="/home/user/project")
    for path in ("here", "/home/user/at-home", "/tmp/temporary", "../up", "./a/../b"):
        with anyio.fail_after(PATIENCE_SECONDS):
            if path == "./a/../b":
                await succeed(devbox, "mkdir a")
            await devbox.write_file(path, path.encode())
            assert (await devbox.read_file(path)).data == path.encode()
    assert await succeed(devbox, "cat here ../at-home /tmp/temporary ../up b") == (
        "here/home/user/at-home/tmp/temporary../up./a/../b"
    )


async def test_links_inside_the_devbox_are_followed(devbox: Devbox) -> None:
    """A symbolic link to a regular file in the devbox is read and written through."""
    await succeed(devbox, f"mkdir {HOME}/d; echo old > {HOME}/d/file; ln -s ../d/file link; ln -s {HOME}/d dir")
    assert (await devbox.read_file("link")).data == b"old\n"
    await devbox.write_file("link", b"new\n")
    await devbox.write_file("dir/second", b"second\n")
    assert (
        await succeed(devbox, f"cat {HOME}/d/file {HOME}/d/second; test -L link && echo still") == "new\nsecond\nstill"
    )


async def test_what_is_not_there_cannot_be_read(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """Reading a path that leads to no file says so and names it."""
    await succeed(devbox, "ln -s nowhere dangling; ln -s loop loop")
    for path in ("missing", "missing/file", "/no/such/file", "dangling", "loop"):
        refusal = InvalidRequest if path == "loop" else NotFound
        refused = pytest.raises((NotFound, refusal), match=path)
        with subtests.test(path=path), anyio.fail_after(PATIENCE_SECONDS), refused:
            await devbox.read_file(path)


SPECIAL = {
    "fifo": "mkfifo fifo",
    "directory": "mkdir directory",
    "socket": "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('socket')\"",
    "link-to-fifo": "mkfifo f; ln -s f link-to-fifo",
    "/dev/zero": "true",
    "/dev/null": "true",
    "/dev/tty": "true",
    "/dev/ptmx": "true",
}


async def test_only_regular_files_are_read_and_written(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """A FIFO, a directory, a socket or a device is refused at once, and nothing hangs on it afterwards."""
    for path, make in SPECIAL.items():
        with subtests.test(path=path), anyio.fail_after(PATIENCE_SECONDS):
            await succeed(devbox, make)
            for _ in range(3):
                with pytest.raises((InvalidRequest, NotFound)):
                    await devbox.read_file(path)
                with pytest.raises(InvalidRequest):
                    await devbox.write_file(path, b"data")
            assert await succeed(devbox, "echo fine") == "fine"


async def test_a_fifo_with_somebody_at_its_other_end_is_refused_too(devbox: Devbox) -> None:
    """A FIFO that could be opened without waiting is still no regular file, and gets none of the data."""
    await succeed(devbox, "mkfifo fifo; exec 3<>fifo; (exec sleep 1000) >/dev/null 2>&1 &")
    with anyio.fail_after(PATIENCE_SECONDS):
        with pytest.raises(InvalidRequest):
            await devbox.read_file("fifo")
        with pytest.raises(InvalidRequest):
            await devbox.write_file("fifo", b"data")


async def test_what_cannot_be_written_is_refused(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """An impossible path, the read-only system and what the user may not write are errors of the request."""
    await succeed(devbox, "touch file; mkdir locked; chmod 555 locked")
    for name, path in {
        "empty": "", "nul": "a\0b", "long-name": "x" * 300, "long-path": "/".join(["d" * 200] * 30),
        "below-file": "file/below", "usr": "/usr/new", "etc": "/etc/hosts", "root": "/new",
        "locked-directory": "locked/new",
    }.items():  # fmt: skip
        with subtests.test(name):
            with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(InvalidRequest):
                await devbox.write_file(path, b"data")
            assert await succeed(devbox, "find . /etc/hosts -size +0 -name new; echo fine") == "fine"


async def test_impossible_paths_are_not_read(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """A path that can't be one is an error of the request, or not found; never another error."""
    await succeed(devbox, "touch file")
    for name, path in {"empty": "", "nul": "a\0b", "long": "x" * 300, "below-file": "file/below"}.items():
        with subtests.test(name), anyio.fail_after(PATIENCE_SECONDS), pytest.raises((InvalidRequest, NotFound)):
            await devbox.read_file(path)


async def test_permissions_hold_for_the_file_calls(devbox: Devbox) -> None:
    """A file that the devbox's user may not read or write is refused, and stays as it is."""
    await succeed(devbox, "echo secret > unreadable; chmod 000 unreadable; echo old > unwritable; chmod 444 unwritable")
    with pytest.raises(InvalidRequest):
        await devbox.read_file("unreadable")
    with pytest.raises(InvalidRequest):
        await devbox.write_file("unwritable", b"new")
    assert (await devbox.read_file("unwritable")).data == b"old\n"


async def test_any_name_can_be_written_read_found_and_deleted(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """Names with line breaks, control characters or invalid UTF-8 (as surrogate escapes) work in every call."""
    for name in ("two\nlines", "\udcff\udcfe", " ", "-rf", "ünïcode", "tab\t\x1b[31m"):
        with subtests.test(name=ascii(name)):
            await devbox.write_file(f"odd {name}/{name}", b"data")
            (found,) = await devbox.find_files([name], below=f"{HOME}/work")
            assert found == f"{HOME}/work/odd {name}/{name}"
            assert (await devbox.read_file(found)).data == b"data"
            await devbox.remove_file(found)
            assert await devbox.find_files([name], below=f"{HOME}/work") == []


async def test_files_and_links_are_deleted(devbox: Devbox) -> None:
    """Deleting takes away a file, or a link and not what it leads to, or does nothing where there is none."""
    await succeed(devbox, "mkdir d; touch file target d/kept; ln -s target link; ln -s d dir-link; mkfifo fifo")
    for path in ("file", "link", "dir-link", "fifo", "missing", "missing/file", "file"):
        with anyio.fail_after(PATIENCE_SECONDS):
            await devbox.remove_file(path)
    assert await succeed(devbox, "find . | sort | xargs") == ". ./d ./d/kept ./target"


async def test_what_cannot_be_deleted_is_refused(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """A directory, and what the user may not delete, is an error of the request and stays."""
    await succeed(devbox, "mkdir directory locked; touch locked/file; chmod 555 locked")
    for path in ("directory", "/usr/bin/env", "/etc/passwd", "locked/file", "", ".", "/"):
        with subtests.test(path=path):
            with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(InvalidRequest):
                await devbox.remove_file(path)
            assert await succeed(devbox, "ls -d directory locked/file /usr/bin/env | wc -l") == "3"


async def test_files_are_found_by_their_names(devbox: Devbox) -> None:
    """Files and links with one of the names are found at any depth, sorted; directories are not; links not followed."""
    await succeed(
        devbox,
        "mkdir -p a/b c .hidden conftest.py; touch a/b/conftest.py c/pytest.ini .hidden/conftest.py conftest.py/inner;"
        "ln -s .. a/up; ln -s /nowhere c/conftest.py; ln -s a also; touch b.conftest.py",
    )
    found = await devbox.find_files(["conftest.py", "pytest.ini"], below=f"{HOME}/work")
    names = [".hidden/conftest.py", "a/b/conftest.py", "c/conftest.py", "c/pytest.ini"]
    assert found == [f"{HOME}/work/{name}" for name in names]
    assert await devbox.find_files(["conftest.py"], below=f"{HOME}/work/a") == [f"{HOME}/work/a/b/conftest.py"]
    assert await devbox.find_files(["nothing"], below=f"{HOME}/work") == []
    assert await devbox.find_files([], below=f"{HOME}/work") == []


async def test_too_many_files_are_given_up_on(devbox: Devbox) -> None:
    """More files than the limit are an error, so that nobody takes a part of them for all."""
    await succeed(devbox, "for i in {1..50}; do mkdir d$i; touch d$i/name; done")
    with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(Unavailable):
        await devbox.find_files(["name"], below=f"{HOME}/work", limit=49)
    assert len(await devbox.find_files(["name"], below=f"{HOME}/work", limit=50)) == 50


async def test_a_hostile_tree_does_not_hold_the_search(devbox: Devbox) -> None:
    """In a tree deeper than Python recurses, with closed directories, a search ends: with what it found or given up."""
    deep = "import os\nfor _ in range(1100):\n    os.mkdir('d'); os.chdir('d')\nopen('name', 'w').close()"
    await succeed(devbox, python(deep))
    await succeed(devbox, "mkdir closed; touch closed/name name; chmod 000 closed")
    with anyio.fail_after(PATIENCE_SECONDS):
        try:
            assert f"{HOME}/work/name" in await devbox.find_files(["name"], below=f"{HOME}/work")
        except Unavailable:
            assert devbox.alive
        assert await succeed(devbox, "echo fine") == "fine"


async def test_file_calls_run_beside_each_other_and_beside_commands(devbox: Devbox) -> None:
    """Forty writes and reads at once each get their own bytes."""

    async def one(number: int) -> None:
        data = str(number).encode() * 1000 * number
        await devbox.write_file(f"d{number % 5}/file{number}", data)
        assert (await devbox.read_file(f"d{number % 5}/file{number}")).data == data

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(one, number)
    assert await succeed(devbox, "find . -type f | wc -l") == "40"


async def test_errors_are_the_apis_own(devbox: Devbox, subtests: pytest.Subtests) -> None:
    """Whatever text comes as a path, the error, where there is one, is one of the api's."""
    calls: dict[str, Callable[[str], Awaitable[object]]] = {
        "read": devbox.read_file,
        "write": lambda path: devbox.write_file(path, b""),
        "remove": devbox.remove_file,
        "find": lambda path: devbox.find_files(["name"], below=path),
    }
    for name, call in calls.items():
        for path in ("a\0b", "\ud800", "x" * 5000, "/x" * 2500, "../" * 2000 + "\0"):
            with subtests.test(call=name, path=ascii(path[:8])), anyio.fail_after(PATIENCE_SECONDS), suppress(ApiError):
                await call(path)
        assert await succeed(devbox, "echo fine") == "fine"
