"""Masks: no value gets through, and nothing else is touched."""

from hypothesis import given
from hypothesis import strategies as st

from runloop_mcp.engine.secrets.masking import Mask

_LONG = "hush-4711-hush-4711-hush"
_TEXTS = st.text(alphabet="abč\n", max_size=40)
_VALUES = st.dictionaries(st.sampled_from(["A", "B"]), st.text(alphabet="abč", min_size=4, max_size=8), min_size=1)


def test_messages_name_the_secret() -> None:
    """In a message a value is replaced by its name."""
    assert Mask({"KEY": _LONG}).text(f"no entry with {_LONG}!") == "no entry with [secret KEY]!"


def test_output_keeps_its_places() -> None:
    """In output it is covered by just as many bytes, with its name where that fits."""
    assert Mask({"KEY": _LONG}).output(f"<{_LONG}>".encode()) == b"<[secret KEY" + b"*" * 12 + b"]>"
    assert Mask({"KEY": "hush-4711"}).output(b"<hush-4711>") == b"<[KEY****]>"
    assert Mask({"THE_KEY": "häärd"}).output("<häärd>".encode()) == b"<*******>"


def test_the_longer_of_two_values_is_covered_whole() -> None:
    """A value that begins with another does not show its end."""
    assert Mask({"A": "hush", "B": "hush-4711"}).text("hush-4711 hush") == "[secret B] [secret A]"


def test_lines_of_a_value_of_several_are_covered() -> None:
    """Tools print lines, so each line of a key is covered; its frame, which everybody knows, is not."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"
    masked = Mask({"KEY": key}).text("line: kqhkiG9w0BAQEF of -----BEGIN KEY-----")
    assert masked == "line: [secret KEY] of -----BEGIN KEY-----"


def test_what_is_too_short_is_left_alone() -> None:
    """A value of three characters would blot out words that have nothing to do with it."""
    mask = Mask({"KEY": "abc"})
    assert not mask
    assert mask.text("abcdef") == "abcdef"


def test_everything_within_a_record_is_masked() -> None:
    """Texts in lists and objects are masked, other values stay."""
    mask = Mask({"KEY": _LONG})
    record = {"command": f"echo {_LONG}", "lines": [_LONG, 7, None], "more": {"text": f"{_LONG}."}}
    assert mask.within(record) == {
        "command": "echo [secret KEY]",
        "lines": ["[secret KEY]", 7, None],
        "more": {"text": "[secret KEY]."},
    }


@given(text=_TEXTS, values=_VALUES)
def test_no_value_is_left_and_no_byte_moves(text: str, values: dict[str, str]) -> None:
    """Whatever the text and the values: output has as many bytes as before, and none of the values."""
    data = text.encode()
    masked = Mask(values).output(data)
    assert len(masked) == len(data)
    assert not any(value.encode() in masked for value in values.values())
    assert all(after in (before, *b"[secrt AB]*") for before, after in zip(data, masked, strict=True))


@given(before=_TEXTS, value=st.text(alphabet="ab", min_size=4, max_size=8), cut=st.integers(min_value=1, max_value=7))
def test_what_is_unfinished_is_held_back(before: str, value: str, cut: int) -> None:
    """Of output that ends in the middle of a value, nothing of that value is left once the end is taken off."""
    begun = value[: min(cut, len(value) - 1)]
    data = f"{before}\n{begun}".encode()
    held = Mask({"KEY": value}).unfinished(data)
    assert len(begun) <= held < len(value)
    assert value.startswith(data[len(data) - held :].decode())
