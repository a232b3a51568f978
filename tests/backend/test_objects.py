"""The contract of objects: uploaded once, then as they are until they are deleted or their time is over."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from backend_cases import OpenBackend, OpenWith

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.storage_object import (
    ContentType,
    ObjectCreateParams,
    ObjectListParams,
    ObjectState,
    ObjectView,
)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """Contents as they come over a wire."""
    for part in parts:
        yield part


async def uploaded(backend: Backend, data: bytes, **params: object) -> ObjectView:
    """An object that is complete."""
    made = await backend.objects.create(
        ObjectCreateParams.model_validate({"name": "file", "content_type": "binary", **params})
    )
    await backend.objects.write(made.id, chunks(data))
    return await backend.objects.complete(made.id)


async def test_an_object_is_uploaded_completed_and_read(open_backend: OpenBackend, tmp_path: Path) -> None:
    """What was put last is what it holds, byte for byte, for another server too; once complete nothing changes it."""
    target = tmp_path / "copy"
    async with open_backend() as backend:
        params = ObjectCreateParams(name="a file", content_type=ContentType.TEXT, metadata={"of": "tests"})
        made = await backend.objects.create(params)
        assert (made.id[:4], made.state, made.name, made.metadata) == ("obj_", "UPLOADING", "a file", {"of": "tests"})
        with pytest.raises(InvalidState, match=r"(?i)upload"):
            await backend.objects.complete(made.id)
        with pytest.raises(InvalidState, match=r"(?i)upload"):
            await backend.objects.read(made.id, target)
        await backend.objects.write(made.id, chunks(b"first and longer"))
        assert await backend.objects.write(made.id, chunks(b"second", b"\0" * 3_000_000)) == 3_000_006
        complete = await backend.objects.complete(made.id)
        assert (complete.state, complete.size_bytes) == ("READ_ONLY", 3_000_006)
        assert await backend.objects.complete(made.id) == complete
        with pytest.raises(InvalidState, match="complete"):
            await backend.objects.write(made.id, chunks(b"third"))
    async with open_backend() as backend:
        assert await backend.objects.retrieve(made.id) == complete
        target.write_bytes(b"what was there")
        assert await backend.objects.read(made.id, target) == 3_000_006
        assert target.read_bytes() == b"second" + b"\0" * 3_000_000
        with pytest.raises(InvalidRequest, match="written"):
            await backend.objects.read(made.id, tmp_path / "missing" / "copy")
        with pytest.raises(NotFound):
            await backend.objects.retrieve("obj_missing")


async def test_an_empty_file_is_an_object(open_backend: OpenBackend, tmp_path: Path) -> None:
    """Nothing at all can be uploaded, which is not the same as not uploading."""
    async with open_backend() as backend:
        made = await uploaded(backend, b"")
        assert made.size_bytes == 0
        assert await backend.objects.read(made.id, tmp_path / "copy") == 0


async def test_an_upload_that_breaks_leaves_what_was_there(open_backend: OpenBackend, tmp_path: Path) -> None:
    """The contents from before stay, and the object can be uploaded again."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    async with open_backend() as backend:
        made = await backend.objects.create(ObjectCreateParams(name="file", content_type=ContentType.TEXT))
        await backend.objects.write(made.id, chunks(b"whole"))
        with pytest.raises(ConnectionResetError):
            await backend.objects.write(made.id, broken())
        await backend.objects.complete(made.id)
        await backend.objects.read(made.id, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b"whole"


async def test_an_object_that_is_too_large_is_refused(open_with: OpenWith) -> None:
    """The message says how large one may be; nothing of it counts as uploaded."""
    async with open_with(object_bytes=10) as backend:
        made = await backend.objects.create(ObjectCreateParams(name="file", content_type=ContentType.TEXT))
        with pytest.raises(InvalidRequest, match="10 bytes"):
            await backend.objects.write(made.id, chunks(b"123456", b"78901"))
        with pytest.raises(InvalidState):
            await backend.objects.complete(made.id)
        assert await backend.objects.write(made.id, chunks(b"1234567890")) == 10


async def test_a_blank_name_is_refused(open_backend: OpenBackend) -> None:
    """An object is found by its name, so it has one."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match="name"):
            await backend.objects.create(ObjectCreateParams(name=" ", content_type=ContentType.TEXT))


async def test_the_same_key_makes_one_object(open_backend: OpenBackend) -> None:
    """A request that comes again gets the object that it made; with other arguments it is refused."""
    async with open_backend() as backend:
        params = ObjectCreateParams(name="file", content_type=ContentType.TEXT, ttl_ms=1_000_000)
        first = await backend.objects.create(params, idempotency_key="key")
        assert await backend.objects.create(params, idempotency_key="key") == first
        assert (await backend.objects.list(ObjectListParams())).total_count == 1
        with pytest.raises(InvalidRequest, match="key"):
            await backend.objects.create(params.model_copy(update={"name": "other"}), idempotency_key="key")


async def test_a_deleted_object_is_there_without_its_contents(open_backend: OpenBackend, tmp_path: Path) -> None:
    """It can be retrieved and deleted again, and neither read, written nor completed."""
    async with open_backend() as backend:
        made = await uploaded(backend, b"data")
        deleted = await backend.objects.delete(made.id)
        assert (deleted.id, deleted.state) == (made.id, "DELETED")
        assert await backend.objects.delete(made.id) == deleted == await backend.objects.retrieve(made.id)
        for call in (
            backend.objects.read(made.id, tmp_path / "copy"),
            backend.objects.write(made.id, chunks(b"x")),
            backend.objects.complete(made.id),
        ):
            with pytest.raises(InvalidState, match=r"(?i)deleted"):
                await call
        with pytest.raises(NotFound):
            await backend.objects.delete("obj_missing")


async def test_an_object_whose_time_is_over_is_deleted(open_backend: OpenBackend, tmp_path: Path) -> None:
    """Its state says so, it can't be read, and it has left the lists."""
    async with open_backend() as backend:
        lasting = await uploaded(backend, b"data", ttl_ms=3_600_000)
        assert lasting.delete_after_time_ms == lasting.create_time_ms + 3_600_000
        short = await backend.objects.create(ObjectCreateParams(name="short", content_type=ContentType.TEXT, ttl_ms=1))
        with anyio.fail_after(5):
            while (await backend.objects.retrieve(short.id)).state != ObjectState.DELETED:
                await anyio.lowlevel.checkpoint()
        with pytest.raises(InvalidState, match=r"(?i)deleted"):
            await backend.objects.read(short.id, tmp_path / "copy")
        assert [each.id for each in (await backend.objects.list(ObjectListParams())).items] == [lasting.id]
        gone = await backend.objects.list(ObjectListParams(state=ObjectState.DELETED))
        assert [each.id for each in gone.items] == [short.id]


async def test_objects_are_listed_newest_first_in_pages_and_filtered(open_backend: OpenBackend) -> None:
    """Pages give each object once; filters are combined."""
    async with open_backend() as backend:
        made = [await uploaded(backend, b"", name=f"file {number}") for number in range(3)]
        text = await backend.objects.create(ObjectCreateParams(name="Notes_1", content_type=ContentType.TEXT))
        page = await backend.objects.list(ObjectListParams(limit=2))
        assert ([each.id for each in page.items], page.has_more, page.total_count) == ([text.id, made[2].id], True, 4)
        rest = await backend.objects.list(ObjectListParams(limit=2, starting_after=made[2].id))
        assert ([each.id for each in rest.items], rest.has_more) == ([made[1].id, made[0].id], False)
        for params, ids in (
            (ObjectListParams(name="file 1"), [made[1].id]),
            (ObjectListParams(search="notes_"), [text.id]),
            (ObjectListParams(search="e_"), []),
            (ObjectListParams(search=text.id[5:]), [text.id]),
            (ObjectListParams(content_type=ContentType.TEXT), [text.id]),
            (ObjectListParams(state=ObjectState.UPLOADING), [text.id]),
            (ObjectListParams(state=ObjectState.READ_ONLY, name="Notes_1"), []),
            (ObjectListParams(is_public=True), []),
            (ObjectListParams(is_public=False, name="Notes_1"), [text.id]),
        ):
            assert [each.id for each in (await backend.objects.list(params)).items] == ids
        with pytest.raises(InvalidRequest, match="start after"):
            await backend.objects.list(ObjectListParams(starting_after="obj_missing"))
