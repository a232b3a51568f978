"""Zip archives that a backend writes to a file."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from runloop_mcp.rest.file_answers import FileAnswer, file_answer

ZIP: Final = {"application/zip": {"type": "string", "format": "binary"}}
"""What the OpenAPI document says of such an answer."""


async def zip_of(name: str, write: Callable[[Path], Awaitable[int]]) -> FileAnswer:
    """An archive that is written now and sent soon.

    Args:
        name: What its file is called.
        write: Writes it to a file, and tells how many bytes it has.
    """
    return await file_answer(name, write, media_type="application/zip")
