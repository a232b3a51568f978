"""The state machine of a run, by properties."""

from hypothesis import given
from hypothesis import strategies as st

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.run import RunState
from runloop_mcp.engine.runs.states import ENDED, WITH_SCORE, Move, next_state


@given(st.lists(st.sampled_from(Move), max_size=30))
def test_no_sequence_of_moves_takes_a_score_away_or_leaves_an_end(moves: list[Move]) -> None:
    """Scored stays scored or becomes completed; ended stays ended; `finish` is the only way to a score."""
    state, has_score = RunState.RUNNING, False
    refusals: list[InvalidState] = []
    for move in moves:
        before = state
        try:
            state = next_state(state, move)
        except InvalidState as error:
            refusals.append(error)
            continue
        assert before not in ENDED
        has_score = has_score or move is Move.FINISH
        assert (state in WITH_SCORE) == has_score
        if before is RunState.SCORED:
            assert state is RunState.COMPLETED
        if move is Move.CANCEL:
            assert before in {RunState.RUNNING, RunState.SCORING}
        if move is Move.EXPIRE:
            assert before is RunState.RUNNING
    assert all(refusal.hint and not refusal.retryable for refusal in refusals)
