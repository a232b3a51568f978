"""Bytes that are no text: described, not dumped."""

import re
import struct
from dataclasses import dataclass
from typing import Final

from runloop_mcp.server.rendering.quantities import amount

SAMPLE: Final = 4096
"""How much of a stream or file is looked at, from its beginning."""
_STRANGE: Final = re.compile("[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]")
_STRANGE_SHARE: Final = 0.3
"""The part of a text that control characters and undecodable bytes are from which on it is none."""
_SHOWN: Final = 64
_ROW: Final = 16

_KINDS: Final = (
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF87a", "GIF image"),
    (b"GIF89a", "GIF image"),
    (b"BM", "BMP image"),
    (b"%PDF-", "PDF document"),
    (b"\x7fELF", "ELF program or library"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"PK\x05\x06", "empty ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"7z\xbc\xaf\x27\x1c", "7-zip archive"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"\x00asm", "WebAssembly module"),
    (b"\xca\xfe\xba\xbe", "Java class or Mach-O program"),
    (b"OggS", "Ogg media"),
    (b"ID3", "MP3 audio"),
    (b"\x93NUMPY", "NumPy array"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 data"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image that clients can show."""

    mime_type: str
    width: int
    height: int


def looks_binary(text: str) -> bool:
    """Whether text that was decoded from bytes is mostly what no text has."""
    sample = text[:SAMPLE]
    return len(_STRANGE.findall(sample)) > len(sample) * _STRANGE_SHARE


def kind_of(data: bytes) -> str:
    """What bytes are by how they begin; empty where that tells nothing."""
    if data[:4] == b"RIFF" and len(data) >= 12:
        return {b"WEBP": "WebP image", b"WAVE": "WAV audio"}.get(data[8:12], "RIFF data")
    if data[257:262] == b"ustar":
        return "tar archive"
    return next((kind for begin, kind in _KINDS if data.startswith(begin)), "")


def described(data: bytes) -> str:
    """What the bytes are and how they begin, as in a hex dump."""
    kind = kind_of(data)
    head = data[:_SHOWN]
    return f"binary{f', {kind}' if kind else ''}; the first {amount(len(head), 'byte')}:\n{hex_lines(head)}"


def hex_lines(data: bytes, first: int = 0) -> str:
    """Bytes as rows of sixteen, with the place of each row and the characters that they may be."""
    rows = []
    for begin in range(0, len(data), _ROW):
        row = data[begin : begin + _ROW]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        rows.append(f"{first + begin:08x}  {row.hex(' '):<{_ROW * 3 - 1}}  |{shown}|")
    return "\n".join(rows)


def image_of(data: bytes) -> ImageFacts | None:
    """The image that the bytes are, if they are one of those that models can look at."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return ImageFacts("image/png", *struct.unpack(">II", data[16:24]))
        if data.startswith((b"GIF87a", b"GIF89a")):
            return ImageFacts("image/gif", *struct.unpack("<HH", data[6:10]))
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except struct.error:  # it is cut off
        return None
    return None


def _jpeg(data: bytes) -> ImageFacts | None:
    """Goes from segment to segment to the one that tells the size."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return ImageFacts("image/jpeg", width, height)
        place += 2 + length
    return None


def _webp(data: bytes) -> ImageFacts | None:
    match data[12:16]:
        case b"VP8X":
            return ImageFacts(
                "image/webp", int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
            )
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return ImageFacts("image/webp", (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
        case b"VP8 ":
            width, height = struct.unpack("<HH", data[26:30])
            return ImageFacts("image/webp", width & 0x3FFF, height & 0x3FFF)
        case _:
            return None
