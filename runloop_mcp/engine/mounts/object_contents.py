"""Putting the contents of an object into a devbox: as a file, or unpacked where it is compressed or an archive.

Everything happens inside the devbox, as its user: nothing that an archive holds touches the host.
"""

import posixpath
import secrets
from pathlib import Path
from typing import Final

from anyio import to_thread

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.storage_object import ContentType
from runloop_mcp.devbox.port import HOME
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.environments.site import Site, StepFailed
from runloop_mcp.engine.objects.contents import ObjectContents
from runloop_mcp.engine.objects.service import refuse_unless_readable
from runloop_mcp.engine.store import objects
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.objects import ObjectRow

ARCHIVES: Final = (ContentType.TAR, ContentType.TGZ)
"""What is unpacked into a directory."""

_CHUNK: Final = 16 * 1024 * 1024
_APPEND: Final = 'cat -- "$2" >> "$1" && rm -- "$2"'
_GUNZIP: Final = 'mkdir -p -- "$(dirname -- "$2")" && gzip -dc -- "$1" > "$2" && rm -- "$1"'
_UNTAR: Final = 'python3 -I -c "$3" "$1" "$2" && rm -- "$1"'


class MountedObjects:
    """Objects, as devboxes get them.

    Args:
        database: Tells what there is.
        contents: Has what is in it.
    """

    def __init__(self, database: Database, contents: ObjectContents) -> None:
        self._database = database
        self._contents = contents

    async def readable(self, object_id: str) -> ObjectRow:
        """An object that can be mounted.

        Raises:
            NotFound: There is no such object.
            InvalidState: It is deleted or not complete.
        """
        row = await self._database.read(lambda connection: objects.get(connection, object_id, now_ms=now_ms()))
        refuse_unless_readable(row)
        return row

    async def put(self, object_id: str, path: str, site: Site, *, mode: int | None = None) -> None:
        """Puts an object into a devbox.

        Args:
            object_id: The object.
            path: The file, or the directory that an archive is unpacked into.
            site: The devbox.
            mode: Permission bits of the file; None: those that new files have.

        Raises:
            StepFailed: It is gone, can't be unpacked or can't be written.
            Unavailable: The devbox was lost, or its disk is full.
        """
        try:
            row = await self.readable(object_id)
        except InvalidState as error:
            raise StepFailed(f"The object {object_id} can't be mounted: {error.message}") from error
        if row.content_type not in (*ARCHIVES, ContentType.GZIP):
            await self._upload(row, path, site, mode)
            return
        part = f"{HOME}/.object-{secrets.token_hex(8)}"
        await self._upload(row, part, site, None)
        what = f"Unpacking the object {row.name!r} into {path}"
        await site.log.say(what)
        if row.content_type is ContentType.GZIP:
            await site.run(_GUNZIP, part, path, what=what)
            if mode is not None:
                await site.run('chmod -- "$1" "$2"', f"{mode:o}", path, what=what)
        else:
            program = await to_thread.run_sync(_PROGRAM.read_text)
            await site.run(_UNTAR, part, path, program, what=what)

    async def _upload(self, row: ObjectRow, path: str, site: Site, mode: int | None) -> None:
        """Writes contents to a file of the devbox, a part at a time: an object may be larger than memory."""
        source, offset = self._contents.path(row.id), 0
        while offset == 0 or offset < (row.size_bytes or 0):
            try:
                data = await to_thread.run_sync(_read, source, offset)
            except OSError as error:
                raise StepFailed(f"The contents of object {row.id} can't be read: {error.strerror}.") from error
            if offset == 0:
                await site.write(path, data, mode=mode)
            else:
                part = posixpath.join(posixpath.dirname(path), f".part-{secrets.token_hex(8)}")
                await site.devbox.write_file(part, data)
                await site.run(_APPEND, path, part, what=f"Writing {path}")
            offset += _CHUNK


_PROGRAM: Final = Path(__file__).with_name("inside") / "unpack.py"


def _read(source: Path, offset: int) -> bytes:
    with source.open("rb") as file:
        file.seek(offset)
        return file.read(_CHUNK)
