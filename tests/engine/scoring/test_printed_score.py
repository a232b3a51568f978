"""A printed score is read as the wire says, whatever surrounds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runloop_mcp.engine.scoring.printed_score import NoPrintedScore, PrintedScore, parse_printed_score

SCORES = st.floats(0, 1)
NOISE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=40).filter(
    lambda line: "score=" not in line
)
COLOURS = st.sampled_from(["\x1b[0m", "\x1b[1;32m", "\x1b[2K", "\x1b(B", "\x1b]0;title\x07"])

FRAGMENTS = [b"score=", b"0.5", b"1", b"-", b"nan", b"\n", b"\r", b" ", b"\x1b[0m", b"\x1b", b"\xff", b"score=0.25\n"]


def lines(*parts: str, end: str = "\n") -> bytes:
    """Lines as a program prints them."""
    return "".join(part + end for part in parts).encode()


@given(SCORES, st.lists(NOISE), st.lists(NOISE), st.sampled_from(["\n", "\r\n"]), COLOURS)
def test_a_named_score_is_found_among_other_lines(
    score: float, before: list[str], after: list[str], end: str, colour: str
) -> None:
    """`score=<number>` on a line of its own is the score, wherever it stands and however it is coloured."""
    assert parse_printed_score(lines(*before, f"{colour} score={score!r}\x1b[0m ", *after, end=end)) == score


@given(SCORES, SCORES, st.lists(NOISE))
def test_the_last_named_score_wins(first: float, last: float, between: list[str]) -> None:
    """Of several named scores the last one counts, and a bare number after it does not."""
    assert parse_printed_score(lines(f"score={first!r}", *between, f"score={last!r}", f"{first!r}")) == last


@given(SCORES, st.lists(NOISE), st.sampled_from(["", "\n", "\r\n\n  \n", "\x1b[0m\n"]))
def test_a_bare_number_on_the_last_line_is_the_score(score: float, before: list[str], end: str) -> None:
    """Without a named score, the last line that is not empty is read as a number."""
    assert parse_printed_score(lines(*before) + repr(score).encode() + end.encode()) == score


@given(st.floats().filter(lambda value: not 0 <= value <= 1), st.sampled_from(["score=", ""]))
def test_a_number_outside_the_range_is_an_error(value: float, name: str) -> None:
    """Nothing is clamped: numbers outside 0..1, NaN and infinities are errors that name the range."""
    with pytest.raises(NoPrintedScore, match="from 0 to 1"):
        parse_printed_score(lines("score=0.5", f"{name}{value!r}") if name else lines(f"{value!r}"))


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=9)).map(b"".join), st.lists(st.integers(1, 20)))
def test_pieces_read_as_the_whole(output: bytes, sizes: list[int]) -> None:
    """Where output is cut into pieces makes no difference; any bytes give a score in 0..1 or a reason."""

    def outcome(reader: PrintedScore) -> float | str:
        try:
            return reader.score()
        except NoPrintedScore as error:
            return str(error)

    whole, pieces = PrintedScore(), PrintedScore()
    whole.feed(output)
    for size in sizes:
        pieces.feed(output[:size])
        output = output[size:]
    pieces.feed(output)
    result = outcome(whole)
    assert result == outcome(pieces)
    assert result if isinstance(result, str) else 0 <= result <= 1


@pytest.mark.parametrize(
    ("output", "score"),
    [
        (b"score=1", 1.0),
        (b".5\n", 0.5),
        (b"+1.", 1.0),
        (b"-0", 0.0),
        (b"5e-1", 0.5),
        (b"10%\r 60%\rscore=0.25\n", 0.25),
        (b"\xff\xfe\n0.5", 0.5),
        (b"score=0.5\nscore=high\n", 0.5),
        (b"y" * 10_000_000 + b"\n1", 1.0),
    ],
)
def test_numbers_that_count(output: bytes, score: float) -> None:
    """Decimal numbers in all their spellings, after progress bars, odd bytes and endless lines."""
    assert parse_printed_score(output) == score


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b" \r\n",
        b"done",
        b"0.5\ndone",
        b"score = 0.5",
        b"score=high",
        b"1_0",
        b"0x1",
        b"50%",
        b"0,5",
        "\u0660".encode(),
        b"1 0",
        b"0" * 5000,
        b"score=0." + b"5" * 5000,
    ],
)
def test_what_is_no_score_is_an_error(output: bytes) -> None:
    """Output without a score is an error that says what is expected."""
    with pytest.raises(NoPrintedScore, match="score=<number>"):
        parse_printed_score(output)
