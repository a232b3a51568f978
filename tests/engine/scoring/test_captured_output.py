"""A scorer's output is kept within bounds, as valid text."""

from hypothesis import given
from hypothesis import strategies as st

from runloop_mcp.engine.scoring.captured import KEPT_BYTES, CapturedOutput


@given(st.lists(st.binary(max_size=120), max_size=12), st.text(st.characters(codec="utf-8"), max_size=30))
def test_output_is_bounded_valid_text_and_keeps_both_ends(pieces: list[bytes], closing: str) -> None:
    """Any bytes in any pieces give valid text within the limit that ends with our sentence."""
    captured = CapturedOutput(limit=200)
    for piece in pieces:
        captured.feed(piece)
    text = captured.text(closing)
    assert len(text.encode()) <= 200  # it encodes, so it is valid
    assert text.rstrip("\n").endswith(closing.rstrip("\n"))
    whole = b"".join(pieces).decode(errors="replace")
    if len(whole.encode()) + len(closing.encode()) + 2 <= 200:
        assert text.startswith(whole)


def test_the_middle_is_left_out_and_told() -> None:
    """Of more output than fits, the beginning and the end stay, and how much there was is told."""
    captured = CapturedOutput()
    captured.feed(b"first\n")
    for _ in range(1000):
        captured.feed(b"x" * 999 + b"\n")
    captured.feed(b"last\n")
    text = captured.text("It timed out.")
    assert text.startswith("first\n")
    assert text.endswith("last\n\nIt timed out.\n")
    assert "1000011 bytes in all" in text
    assert KEPT_BYTES - 10 <= len(text.encode()) <= KEPT_BYTES
