"""The state machine of a run, whole: every state, every move, and what can be called in each state.

running ──score──► scoring ──finish──► scored ──complete──► completed
   │  ▲               │ │
   │  └──interrupt────┘ └──cancel──► canceled
   ├──cancel──► canceled      (our own machinery broke while scoring: the run can be scored again)
   ├──expire──► timeout
   └──fail────► failed
"""

from enum import StrEnum

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.run import RunState


class Move(StrEnum):
    """What can happen to a run."""

    SCORE = "score"
    FINISH = "finish"
    """Scoring has a result."""
    INTERRUPT = "interrupt"
    """Scoring broke for a reason that is ours."""
    COMPLETE = "complete"
    CANCEL = "cancel"
    EXPIRE = "expire"
    FAIL = "fail"
    """Its devbox could not be set up, or its disk is gone."""


_MOVES: dict[Move, tuple[frozenset[RunState], RunState]] = {
    Move.SCORE: (frozenset({RunState.RUNNING}), RunState.SCORING),
    Move.FINISH: (frozenset({RunState.SCORING}), RunState.SCORED),
    Move.INTERRUPT: (frozenset({RunState.SCORING}), RunState.RUNNING),
    Move.COMPLETE: (frozenset({RunState.SCORED}), RunState.COMPLETED),
    Move.CANCEL: (frozenset({RunState.RUNNING, RunState.SCORING}), RunState.CANCELED),
    Move.EXPIRE: (frozenset({RunState.RUNNING}), RunState.TIMEOUT),
    Move.FAIL: (frozenset({RunState.RUNNING}), RunState.FAILED),
}

_DONE: dict[Move, str] = {
    Move.SCORE: "scored",
    Move.FINISH: "finished",
    Move.INTERRUPT: "interrupted",
    Move.COMPLETE: "completed",
    Move.CANCEL: "canceled",
    Move.EXPIRE: "ended for its time",
    Move.FAIL: "failed",
}
"""Each move as errors tell it: a run that is scored can't be canceled."""

ENDED = frozenset({RunState.COMPLETED, RunState.CANCELED, RunState.TIMEOUT, RunState.FAILED})
"""States that nothing leaves."""

WITH_SCORE = frozenset({RunState.SCORED, RunState.COMPLETED})
"""States that have a score, for ever."""

_NEXT_CALLS: dict[RunState, str] = {
    RunState.RUNNING: "It can be worked on, scored or canceled.",
    RunState.SCORING: "Wait for its score, or cancel it.",
    RunState.SCORED: "Its score is final: read the score, or complete the run.",
    RunState.COMPLETED: "Its score can be read; to try again, start a new run.",
    RunState.CANCELED: "It has no score; to try again, start a new run.",
    RunState.TIMEOUT: "Its time ran out before it was scored; to try again, start a new run.",
    RunState.FAILED: "Its devbox could not be used; see the run's notes, then start a new run.",
}


def next_state(state: RunState, move: Move) -> RunState:
    """The state that a move leads to.

    Raises:
        InvalidState: The move is not possible from this state; the error says what is.
    """
    sources, target = _MOVES[move]
    if state not in sources:
        raise InvalidState(f"The run is {state}, so it can't be {_DONE[move]}.", hint=_NEXT_CALLS[state])
    return target


def next_calls(state: RunState) -> str:
    """What can be done with a run in this state, in a sentence."""
    return _NEXT_CALLS[state]
