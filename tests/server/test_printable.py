"""Text that is fit to send, whatever it was made of."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from runloop_mcp.server.printable import printable, sendable_json, shortened

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


def test_what_a_terminal_would_do_is_done_and_the_rest_is_kept() -> None:
    """Colours go, a progress bar's last state stays, ordinary text is untouched."""
    assert printable("\x1b[1;31mred\x1b[0m \x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\") == "red link"
    assert printable("10%\r50%\r100%\ndone\r\n") == "100%\ndone\n"
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
