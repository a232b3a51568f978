"""What is left of objects on the disk, once they are deleted or a server was killed while it took one in."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
from state_directory import engine_on

from runloop_mcp.api.models.storage_object import ContentType, ObjectCreateParams, ObjectState
from runloop_mcp.engine.backend import EmbeddedEngine


async def _contents() -> AsyncIterator[bytes]:
    yield b"contents"


async def _uploaded(engine: EmbeddedEngine, ttl_ms: int | None = None) -> str:
    made = await engine.objects.create(ObjectCreateParams(name="file", content_type=ContentType.TEXT, ttl_ms=ttl_ms))
    await engine.objects.write(made.id, _contents())
    return made.id


async def test_contents_stay_while_their_object_does(state: Path) -> None:
    """What is there or being uploaded stays; what is expired or half written goes, and the answer says so."""
    async with engine_on(state) as engine:
        complete, uploading = await _uploaded(engine), await _uploaded(engine)
        await engine.objects.complete(complete)
        expired = await _uploaded(engine, ttl_ms=300)
        (state / "objects" / "0123456789abcdef.part").write_bytes(b"half")
        with anyio.fail_after(5):
            while (await engine.objects.retrieve(expired)).state != ObjectState.DELETED:
                await anyio.lowlevel.checkpoint()
        removed = (await engine.collect()).removals
        assert sorted((each.what, each.id) for each in removed) == sorted(
            [("object", expired), ("object", "0123456789abcdef.part")]
        )
        assert {path.name for path in (state / "objects").iterdir()} == {complete, uploading}


async def test_deleting_an_object_frees_its_disk(state: Path) -> None:
    """At once, and not when somebody comes to collect what is left over."""
    async with engine_on(state) as engine:
        await engine.objects.delete(await _uploaded(engine))
        assert list((state / "objects").iterdir()) == []
