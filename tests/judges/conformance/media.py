"""What the fixtures of the conformance suite hold: the smallest image and sound there are, and texts it looks for."""

import base64
import struct
import zlib
from typing import Final

from mcp_types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PIXEL: Final = (
    b"\x89PNG\r\n\x1a\n"
    + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _png_chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    + _png_chunk(b"IEND", b"")
)
"""A red pixel, as a PNG."""

CLICK: Final = b"RIFF" + struct.pack(
    "<I4s4sIHHIIHH4sIh", 38, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 2, 0
)
"""One sample of silence, as a WAV."""


def text(words: str) -> TextContent:
    """A block of text."""
    return TextContent(type="text", text=words)


def image() -> ImageContent:
    """The pixel as a block."""
    return ImageContent(type="image", data=base64.b64encode(PIXEL).decode(), mime_type="image/png")


def audio() -> AudioContent:
    """The sample as a block."""
    return AudioContent(type="audio", data=base64.b64encode(CLICK).decode(), mime_type="audio/wav")


def embedded(uri: str, mime_type: str, words: str) -> EmbeddedResource:
    """A resource of text as a block."""
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    return EmbeddedResource(type="resource", resource=contents)
