"""The contract of mounted objects: a file, or what an archive holds, before launch commands run."""

import gzip
import io
import tarfile

import pytest
from backend_cases import OpenBackend
from greeting_scenario import run_command, started
from test_mounts import made_devbox, said
from test_objects import chunks, uploaded

from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxStatus
from runloop_mcp.api.models.storage_object import ContentType, ObjectCreateParams


def mount(object_id: str, path: str) -> dict[str, object]:
    """A mount of an object."""
    return {"type": "object_mount", "object_id": object_id, "object_path": path}


def tar(*members: tuple[str, bytes | str | int], mode: str = "w") -> bytes:
    """An archive of files (bytes), symbolic links (text) and other things (their type)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload] # a mode that is no literal
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size, member.mode = len(content), 0o755
                archive.addfile(member, io.BytesIO(content))
                continue
            member.type = tarfile.SYMTYPE if isinstance(content, str) else bytes([content])
            member.linkname = content if isinstance(content, str) else ""
            archive.addfile(member)
    return packed.getvalue()


async def test_an_object_is_a_file_or_unpacked(open_backend: OpenBackend) -> None:
    """By its kind: text and bytes as they are, however many, gzip unpacked, archives into a directory."""
    large = bytes(range(256)) * 70_000
    async with open_backend() as backend:
        text = await uploaded(backend, b"a text\n", content_type="text")
        data = await uploaded(backend, large)
        packed = await uploaded(backend, gzip.compress(b"was packed\n"), content_type="gzip")
        archive = await uploaded(backend, tar(("bin/run", b"echo ran\n"), ("link", "bin/run")), content_type="tar")
        zipped = await uploaded(backend, tar(("./deep/down/file", b"deep\n"), mode="w:gz"), content_type="tgz")
        made = await made_devbox(
            backend,
            mounts=[
                mount(text.id, "notes/a.txt"),
                mount(data.id, "~/data"),
                mount(packed.id, "/home/user/work/made/unpacked"),
                mount(archive.id, "~/tree/"),
                mount(zipped.id, "~"),
            ],
            launch_parameters={"launch_commands": ["cat ~/notes/a.txt made/unpacked ~/deep/down/file > ~/all"]},
        )
        assert await said(backend, made.id, "cat ~/all; ~/tree/bin/run; readlink ~/tree/link") == (
            "a text\nwas packed\ndeep\nran\nbin/run\n"
        )
        assert await said(backend, made.id, "stat -c %s ~/data; ls -A ~ | grep -c object") == f"{len(large)}\n0\n"
        file = await backend.devboxes.read_file(made.id, "~/data")
        assert file.data == large


LEADING_OUT: tuple[list[tuple[str, bytes | str | int]], ...] = (
    [("../../../tmp/out", b"x")],
    [("out", "../outside")],
    [("out", "/tmp"), ("out/file", b"x")],
    [("a/b/here", b""), ("a/b/up", "../.."), ("a/b/up/out", "../outside")],
    [("pipe", tarfile.FIFOTYPE[0])],
    [("device", tarfile.CHRTYPE[0])],
)


async def test_an_archive_that_leads_out_of_its_directory_is_not_unpacked(open_backend: OpenBackend) -> None:
    """Its devbox fails, and says what is wrong with it."""
    async with open_backend() as backend:
        for members in LEADING_OUT:
            bad = await uploaded(backend, tar(*members), content_type="tar")
            failed = await made_devbox(backend, mounts=[mount(bad.id, "~/tree")])
            assert failed.status == DevboxStatus.FAILURE
            assert failed.x_runloop_mcp is not None
            message = failed.x_runloop_mcp.failure_message or ""
            assert any(f"can't be unpacked: '{name}'" in message for name, _ in members)


async def test_what_is_no_archive_fails_its_devbox(open_backend: OpenBackend) -> None:
    """Whatever its kind says: the reason is told."""
    async with open_backend() as backend:
        for kind in ("gzip", "tgz"):
            bad = await uploaded(backend, b"neither of them", content_type=kind)
            failed = await made_devbox(backend, mounts=[mount(bad.id, "~/there")])
            assert failed.x_runloop_mcp is not None
            assert "Unpacking the object 'file'" in (failed.x_runloop_mcp.failure_message or "")


async def test_only_objects_that_are_complete_are_mounted(open_backend: OpenBackend) -> None:
    """Others are refused when they are asked for."""
    async with open_backend() as backend:
        uploading = await backend.objects.create(ObjectCreateParams(name="file", content_type=ContentType.TEXT))
        await backend.objects.write(uploading.id, chunks(b"x"))
        there = await uploaded(backend, b"x")
        for mounted, error, told in (
            (mount("obj_missing", "a"), NotFound, "obj_missing"),
            (mount(uploading.id, "a"), InvalidState, "being uploaded"),
            (mount(there.id, "a/"), InvalidRequest, r"mounts\[0\].object_path"),
            (mount(there.id, "../a"), InvalidRequest, r"mounts\[0\].object_path"),
        ):
            with pytest.raises(error, match=told):
                await backend.devboxes.create(DevboxCreateParams.model_validate({"mounts": [mounted]}))


async def test_a_run_can_have_objects(open_backend: OpenBackend) -> None:
    """What is mounted belongs to what the solver finds; deleting the object takes nothing away."""
    async with open_backend() as backend:
        greets = await uploaded(backend, b"hello\n", content_type="text")
        run = await started(backend, mounts=[mount(greets.id, "~/hint")])
        await backend.objects.delete(greets.id)
        await run_command(backend, run, "cp ~/hint greeting.txt")
        assert (await backend.runs.score(run.id)).score == 1.0
