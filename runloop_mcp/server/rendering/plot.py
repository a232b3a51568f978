"""The scores of runs as a picture: one column for each run, one row for the total and each scoring function.

What is where, for `plot_svg` and `plot_png` to draw: every number stands in the picture and in its description, so that
nobody has to measure a bar. Takes only what `runloop_mcp.api.disclosure` has passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.comparison import function_scores, summary
from runloop_mcp.server.rendering.quantities import amount, score_text

_LABELS: Final = 190
_COLUMN: Final = 56
_ROW: Final = 64
_BAR: Final = 36
_TOP: Final = 64
_BOTTOM: Final = 28
_NAME: Final = 24
"""Characters of a scoring function's name that there is room for."""
_FULL: Final = 1.0


class Ink(StrEnum):
    """What something in a picture stands for, which decides its colour."""

    PLAIN = "plain"
    STRONG = "strong"
    """A number, or the title."""
    QUIET = "quiet"
    """What explains."""
    TRACK = "track"
    """What a bar would fill with the best score."""
    FULL = "full"
    PART = "part"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, in pixels from the left and the top."""

    left: int
    top: float
    width: int
    height: float
    ink: Ink


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text that begins at a place, or has its middle there; its baseline is at `baseline`."""

    x: int
    baseline: int
    text: str
    ink: Ink
    middle: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture before it is drawn, in pixels; what comes later lies above."""

    width: int
    height: int
    title: str
    description: str
    """All that it shows, in words."""
    parts: Sequence[Bar | Words]


def plot_of(name: str, runs: Sequence[ScenarioRunView], *, most_functions: int | None = None) -> Plot:
    """The scores of runs of one scenario, in the order given.

    Args:
        name: The scenario's.
        runs: The runs, the oldest first.
        most_functions: Scoring functions that have a row, at most; how many have none is told.
    """
    functions = list(dict.fromkeys(each for run in runs for each in function_scores(run)))
    left_out = functions[most_functions:] if most_functions is not None else []
    functions = functions[: len(functions) - len(left_out)]
    title = f"Scores of {printable(name)}"
    height = _TOP + _ROW * (1 + len(functions)) + _BOTTOM
    parts: list[Bar | Words] = [
        Words(12, 22, _cut(title, 60), Ink.STRONG),
        Words(12, 40, summary(runs), Ink.QUIET),
        *(
            Words(_middle(place), _TOP - 6, f"#{_attempt(run)}", Ink.QUIET, middle=True)
            for place, run in enumerate(runs)
        ),
        *_row(0, "Total", [run.score for run in runs], [str(run.state) for run in runs]),
    ]
    for place, function in enumerate(functions, 1):
        parts += _row(place, function, [function_scores(run).get(function) for run in runs], [""] * len(runs))
    if left_out:
        parts.append(Words(12, height - 10, f"{amount(len(left_out), 'more scoring function')} not shown.", Ink.QUIET))
    width = max(_LABELS + _COLUMN * max(len(runs), 1) + 12, 360)
    return Plot(width, height, title, plot_text(runs), parts)


def plot_text(runs: Sequence[ScenarioRunView]) -> str:
    """What the picture shows, in words: the alternative for whoever does not see it."""
    return " ".join([summary(runs), *(_in_words(run) for run in runs)])


def _in_words(run: ScenarioRunView) -> str:
    begin = f"Attempt {_attempt(run)} ({run.id})"
    if run.score is None:
        return f"{begin}: no score, {run.state}."
    parts = [f"{name} {score_text(score)}" for name, score in function_scores(run).items()]
    return f"{begin}: {score_text(run.score)}" + (f" ({', '.join(parts)})." if parts else ".")


def _row(place: int, label: str, scores: Sequence[float | None], instead: Sequence[str]) -> list[Bar | Words]:
    top = _TOP + _ROW * place
    parts: list[Bar | Words] = [Words(12, top + _BAR // 2 + 4, _cut(printable(label), _NAME), Ink.PLAIN)]
    for column, (score, words) in enumerate(zip(scores, instead, strict=True)):
        left = _middle(column) - 14
        parts.append(Bar(left, top, 28, _BAR, Ink.TRACK))
        if score is None:
            parts.append(Words(_middle(column), top + _BAR + 15, words or "-", Ink.QUIET, middle=True))
            continue
        tall = round(min(max(score, 0.0), 1.0) * _BAR, 2)
        grade = Ink.FULL if score >= _FULL else Ink.PART if score > 0 else Ink.NONE
        parts.append(Bar(left, top + _BAR - tall, 28, tall, grade))
        parts.append(Words(_middle(column), top + _BAR + 15, score_text(score), Ink.STRONG, middle=True))
    return parts


def _middle(column: int) -> int:
    return _LABELS + _COLUMN * column + _COLUMN // 2


def _cut(text: str, limit: int) -> str:
    """One line that has room: names may have several."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _attempt(run: ScenarioRunView) -> int:
    return run.x_runloop_mcp.attempt if run.x_runloop_mcp else 1
