"""Text that is fit to send, whatever it was made of."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runloop_mcp.api.terminal import unfinished
from runloop_mcp.server.printable import printable, sendable_json, shortened
from runloop_mcp.server.rendering.binary import hex_lines, image_of, kind_of, looks_binary

HOSTILE = st.text(
    st.sampled_from("ab \n\r\t\x00\x07\x1b[]0;31mK\x7f\x9b\ud800\udfff\u20ac\ufffe"), max_size=40
) | st.text(st.characters(), max_size=40)


@given(HOSTILE)
def test_any_text_becomes_valid_and_free_of_control_characters(text: str) -> None:
    """It can be encoded and shown, and making it printable again changes nothing."""
    shown = printable(text)
    shown.encode()
    assert not [character for character in shown if ord(character) < 32 and character not in "\n\t"]
    assert printable(shown) == shown
    assert len(shown) <= len(text)


def test_what_a_terminal_would_do_is_done_and_the_rest_is_kept() -> None:
    """Colours go, a progress bar's last state stays, ordinary text is untouched."""
    assert printable("\x1b[1;31mred\x1b[0m \x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\") == "red link"
    assert printable("10%\r50%\r100%\ndone\r\n") == "100%\ndone\n"
    assert printable("\r\x1b[Kfetching a\r\x1b[Kfetching\n12%\b\b\b99%\x07 ok\n") == "fetching\n99% ok\n"
    assert printable("a 1%\nb 1%\n\x1b[2A\x1b[2Ka 9%\n\x1b[2Kb 8%\nend\x1b[?25h\n") == "a 9%\nb 8%\nend\n"
    assert printable("service\x1b[60G[ \x1b[32mok\x1b[39m ]\n") == "service [ ok ]\n"
    assert printable("before\x1b[H\x1b[2Jafter") == "before\nafter"
    assert printable("naïve — ✓ 漢字 👍\ttab\n") == "naïve — ✓ 漢字 👍\ttab\n"


@given(
    st.recursive(
        st.none() | st.floats() | st.integers() | HOSTILE,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_value_becomes_json(value: object) -> None:
    """Without the numbers that JSON lacks."""
    json.dumps(sendable_json(value), allow_nan=False, ensure_ascii=False).encode()


def test_numbers_that_json_lacks_become_null() -> None:
    """NaN and the infinities."""
    assert sendable_json({"a": [math.nan, math.inf, 0.5]}) == {"a": [None, None, 0.5]}


@given(st.text(max_size=300), st.integers(80, 200))
def test_shortened_text_keeps_its_ends_within_the_limit(text: str, limit: int) -> None:
    """And says how much is missing."""
    short = shortened(text, limit)
    assert len(short) <= limit
    assert short == text or (short[0] == text[0] and short[-1] == text[-1] and "left out" in short)


MOVES = ["A", "9A", "99B", "999C", "7D", "5000G", "J", "2J", "K", "2K", "H"]
PIECES = st.lists(
    st.sampled_from([*"a2;\n\r\b\x1bAKm", "word ", "\x1b[", "\x1b]", "\x1b\\", *(f"\x1b[{move}" for move in MOVES)]),
    max_size=40,
).map("".join)


@given(PIECES)
def test_cursor_moves_add_nothing(text: str) -> None:
    """Wherever the cursor goes, there is no more text than was sent, and no escape in it."""
    shown = printable(text)
    assert len(shown) <= len(text)
    assert not set(shown) & set("\x1b\r\b")
    assert printable(shown) == shown


@pytest.mark.parametrize(
    "piece", ["\x1b]", "\x1b", "\x1b[1", "\r", "x\by", "x\x1b[9999G", "abc\x1b[1A", "\x1b[2Ky\x1b[K", "\x1b[0m\x1b"]
)
def test_output_made_to_be_slow_is_cleaned_all_the_same(piece: str) -> None:
    """Work that grew with the square of the length would not come to an end here."""
    text = piece * (100_000 // len(piece))
    assert len(printable(text)) <= len(text)


@given(
    st.lists(st.sampled_from(["word", " ", "\n", "\x1b[1;31m", "\x1b[0m", "\x1b]0;title\x07", "é"])), st.integers(1, 30)
)
def test_text_read_in_parts_comes_whole(pieces: list[str], size: int) -> None:
    """An escape at the end of a part is left for the next one, so that none is shown in halves."""
    text, shown, place = "".join(pieces), "", 0
    while place < len(text):
        part = text[place : place + size + 16]
        if place + len(part) < len(text):
            part = part[: len(part) - unfinished(part)] or part
        shown += printable(part)
        place += len(part)
    assert shown == printable(text)


def test_bytes_that_are_no_text_are_told_from_text() -> None:
    """Text with a stray byte stays text; what a program or an archive is made of does not pass for it."""
    assert not looks_binary("")
    assert not looks_binary("\x1b[31mcaf\ufffd au lait\x1b[0m\r\n\x07")
    assert looks_binary(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0".decode(errors="replace"))
    assert kind_of(b"\x1f\x8b\x08") == "gzip data"
    assert kind_of(b"RIFF\0\0\0\0WEBPVP8 ") == "WebP image"
    assert kind_of(b"hello") == ""
    assert hex_lines(b"AB\0\xff" * 5, 16).splitlines()[1].startswith("00000020  41 42 00 ff  ")


def test_images_are_known_by_their_size() -> None:
    """In each of the four forms; what is cut off before the size, or lies about its form, is none."""
    jpeg = bytes.fromhex("ffd8 ffe0 0010 4a46494600010100000100010000 ffc0 0011 08 0020 0040 03")
    webp = b"RIFF\x1a\0\0\0WEBP"
    images = {
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (64).to_bytes(4) + (32).to_bytes(4): "image/png",
        b"GIF89a\x40\0\x20\0": "image/gif",
        jpeg: "image/jpeg",
        webp + b"VP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x40\0\x20\0": "image/webp",
        webp + b"VP8L\0\0\0\0\x2f" + (63 | 31 << 14).to_bytes(4, "little"): "image/webp",
        webp + b"VP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x1f\0\0": "image/webp",
    }
    for data, mime_type in images.items():
        found = image_of(data)
        assert found is not None
        assert (found.mime_type, found.width, found.height) == (mime_type, 64, 32)
        assert image_of(data[:9]) is None
    assert image_of(b"\xff\xd8\xff\xe0\0\0" * 5) is None


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xc0", b"RIFF\0\0\0\0WEBPVP8X", b"GIF89a"]), st.binary())
def test_no_bytes_break_the_look_at_them(begin: bytes, rest: bytes) -> None:
    """Whatever follows a beginning that is known."""
    image_of(begin + rest)
    kind_of(begin + rest)
