"""The file of results: one line for each attempt, whatever happened while it was written."""

from pathlib import Path

import pytest

from runloop_mcp.api.errors import Conflict, InvalidRequest
from runloop_mcp.evaluation.results import AttemptKey, AttemptResult, ResultsFile, parse


def result(attempt: int, score: float | None = 1.0, *, scenario: str = "one", counted: bool = True) -> AttemptResult:
    """The result of an attempt."""
    return AttemptResult(
        eval_id="eval-1",
        scenario=scenario,
        scenario_id=f"scn_{scenario}",
        attempt=attempt,
        state="completed" if counted else "failed",
        score=score,
        counted=counted,
    )


def test_what_was_added_is_there_the_next_time(tmp_path: Path) -> None:
    """Each result is one line, in the order in which they came."""
    with ResultsFile(tmp_path / "new" / "results.jsonl") as file:
        file.add(result(2))
        file.add(result(1, 0.5))
    with ResultsFile(tmp_path / "new" / "results.jsonl") as file:
        assert [each.attempt for each in file.results.values()] == [2, 1]
        assert file.results[AttemptKey("scn_one", 1)] == result(1, 0.5)


def test_a_line_that_a_crash_tore_is_dropped_and_the_next_is_whole(tmp_path: Path) -> None:
    """Wherever it was torn, from its first byte on; nothing else is lost."""
    path = tmp_path / "results.jsonl"
    torn = result(2).model_dump_json().encode()
    for length in (0, 1, 5, 12, 40, len(torn)):
        path.write_bytes(result(1).model_dump_json().encode() + b"\n" + torn[:length])
        with ResultsFile(path) as file:
            assert list(file.results) == [AttemptKey("scn_one", 1)]
            file.add(result(3))
        assert [each.attempt for each in parse(path.read_bytes(), path)] == [1, 3]


def test_an_attempt_that_does_not_count_is_not_kept_to_be_made_again(tmp_path: Path) -> None:
    """The file then holds one line for it, which is the one that counts."""
    path = tmp_path / "results.jsonl"
    with ResultsFile(path) as file:
        file.add(result(1, None, counted=False))
        file.add(result(2))
    assert len(path.read_text().splitlines()) == 2
    with ResultsFile(path) as file:
        assert list(file.results) == [AttemptKey("scn_one", 2)]
        file.add(result(1, 0.0))
    assert [(each.attempt, each.score) for each in parse(path.read_bytes(), path)] == [(2, 1.0), (1, 0.0)]


def test_two_evaluations_never_write_to_one_file(tmp_path: Path) -> None:
    """The second is refused; not so once the first is done, or where the first has replaced the file."""
    path = tmp_path / "results.jsonl"
    path.write_text(result(1, None, counted=False).model_dump_json() + "\n")
    with ResultsFile(path), pytest.raises(Conflict, match="Another evaluation"), ResultsFile(path):
        pass
    with ResultsFile(path) as file:
        file.add(result(1))


@pytest.mark.parametrize("text", ["a note\n", "a note", '{"eval_id": "eval-1"}\n', "\n\n", '["eval_id"]'])
def test_a_file_of_somebody_elses_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    """Whether it has lines, an end of line, or JSON in it."""
    path = tmp_path / "results.jsonl"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match="is no result"), ResultsFile(path):
        pass
    assert path.read_text() == text
