"""A score as people like to read it: each scoring function with its weight, and the total."""

from collections.abc import Sequence

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from runloop_mcp.api.models.scoring import ScoringContractResult, ScoringFunctionResult, ScoringFunctionState

_CELLS = 20


def score_card(result: ScoringContractResult, *, title: str, notes: Sequence[str] = ()) -> Panel:
    """The score card of a scored run.

    Args:
        result: What scoring gave, as far as it may be shown.
        title: What was scored.
        notes: Sentences for its foot.
    """
    parts: list[RenderableType] = []
    if result.scoring_function_results:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for function in result.scoring_function_results:
            table.add_row(*_row(function))
        parts += [table, Text("")]
    total = Text("score ", style="bold")
    total.append_text(_bar(result.score))
    total.append(f" {result.score:.4g}", style=f"bold {_colour(result.score)}")
    if result.x_complete is False:
        total.append("  a scorer failed, so this is not the last word", style="yellow")
    parts.append(total)
    parts += [Text(note, style="dim") for note in notes]
    return Panel(Group(*parts), title=title, title_align="left", box=ROUNDED, border_style=_colour(result.score))


def _row(function: ScoringFunctionResult) -> tuple[Text, Text, Text, Text, Text]:
    failed = function.state == ScoringFunctionState.ERROR
    mark = Text("!", style="yellow") if failed else Text("✓" if function.score >= 1 else "✗", _colour(function.score))
    weight = f"weight {function.x_weight:.4g}" if function.x_weight is not None else ""
    return (
        mark,
        Text(function.scoring_function_name),
        _bar(function.score),
        Text(f"{function.score:.4g}", style=_colour(function.score)),
        Text(f"{weight}  {'scorer failed' if failed else ''}".rstrip(), style="dim"),
    )


def _bar(score: float) -> Text:
    full = round(score * _CELLS)
    bar = Text("█" * full, style=_colour(score))
    bar.append("░" * (_CELLS - full), style="dim")
    return bar


def _colour(score: float) -> str:
    if score >= 1:
        return "green"
    return "yellow" if score > 0 else "red"
