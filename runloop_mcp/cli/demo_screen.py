"""How the demo looks: each call with its arguments, an excerpt of the answer, and the score card at the end."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from runloop_mcp.api.models.scoring import ScoringContractResult, ScoringFunctionResult
from runloop_mcp.cli.demo_walk import Step
from runloop_mcp.cli.score_card import score_card
from runloop_mcp.server.results import ScoreCard

_ANSWER_LINES = 12
_CHANGE_LINES = 1
"""Of the answer to a call whose arguments show the change already."""
_CHANGES = ("edit_file", "write_file")
_ARGUMENT_LINES = 30
_CODE_THEME = "ansi_dark"


class Screen:
    """Draws the demo on a terminal; one line for each call where there is none."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._number = 0

    def title(self, text: str) -> None:
        """What is about to be seen."""
        if self._console.is_terminal:
            self._console.print(Panel(Text.from_markup(text), box=ROUNDED, border_style="cyan"))

    def working(self) -> AbstractContextManager[object]:
        """A sign of life while a call is under way."""
        return self._console.status("[dim]…", spinner="dots") if self._console.is_terminal else nullcontext()

    def announce(self, say: str, tool: str, arguments: dict[str, Any]) -> None:
        """A call that is about to be made."""
        self._number += 1
        if not self._console.is_terminal:
            self._console.print(f"{self._number:2}. {tool}: {say}", markup=False, soft_wrap=True)
            return
        self._console.print(Text(f"\n{self._number:2}. ", style="dim").append(say, style="bold"))
        self._console.print(Text("    ▸ ", style="cyan").append(tool, style="bold cyan"))
        for shown in _arguments(arguments):
            self._console.print(Padding(shown, (0, 0, 0, 6)))

    def answer(self, step: Step) -> None:
        """What the call was answered with."""
        if not self._console.is_terminal:
            return
        most = _CHANGE_LINES if step.tool in _CHANGES else _ANSWER_LINES
        self._console.print(Padding(_answer(step.text, most), (0, 0, 0, 6)))
        self._console.print(Text(f"      {step.seconds * 1000:.0f} ms", style="dim"))

    def score(self, card: ScoreCard, scenario: str, seconds: float) -> None:
        """The score card."""
        if card.score is None:
            self._console.print(card.message, markup=False)
            return
        result = ScoringContractResult(
            score=card.score,
            scoring_function_results=[
                ScoringFunctionResult(
                    scoring_function_name=each.name,
                    score=each.score,
                    state=each.state,
                    output="",
                    x_weight=each.weight,
                )
                for each in card.functions
            ],
            x_complete=card.complete,
        )
        notes = [f"scored from a {card.scoring_mode} devbox · attempt {card.attempt or 1} · {seconds:.1f} s in all"]
        self._console.print()
        self._console.print(score_card(result, title=f"{scenario} · {card.run_id}", notes=notes))

    def next(self, lines: Sequence[tuple[str, str]]) -> None:
        """What to do next: each a purpose and a command."""
        width = max(len(purpose) for purpose, _ in lines)
        self._console.print(Text("\nNow yourself", style="bold"))
        for purpose, command in lines:
            line = Text(f"  {purpose.ljust(width)}  ").append(command, style="cyan")
            self._console.print(line, soft_wrap=True)


def _arguments(arguments: dict[str, Any]) -> list[RenderableType]:
    """A call's arguments, each as what it is; ids are left out, as the heading and the title tell enough."""
    shown: list[RenderableType] = []
    if "old_string" in arguments and "new_string" in arguments:
        shown.append(Text(str(arguments["path"]), style="dim"))
        shown += [_marked("-", arguments["old_string"], "red"), _marked("+", arguments["new_string"], "green")]
        return shown
    plain = [f"{name}: {value}" for name, value in arguments.items() if name not in (*_ARGUMENTS, "run_id")]
    if plain:
        shown.append(Text("  ".join(plain), style="dim"))
    return [*shown, *(drawn(str(arguments[name])) for name, drawn in _ARGUMENTS.items() if name in arguments)]


def _marked(mark: str, text: str, style: str) -> Text:
    return Text("\n".join(f"{mark} {line}" for line in text.splitlines()), style=style)


def _code(language: str) -> Callable[[str], RenderableType]:
    def shown(code: str) -> RenderableType:
        return Syntax(
            _cut(code, _ARGUMENT_LINES), language, theme=_CODE_THEME, background_color="default", word_wrap=True
        )

    return shown


_ARGUMENTS: dict[str, Callable[[str], RenderableType]] = {"command": _code("bash"), "content": _code("python")}


def _answer(text: str, most: int) -> Group:
    """An excerpt of an answer, beside a bar; each of its lines is one line of the terminal."""
    lines = _cut(text.strip(), most).splitlines() or ["(nothing)"]
    bar = ("│ ", "cyan dim")
    return Group(*(Text.assemble(bar, (line, "dim"), no_wrap=True, overflow="ellipsis") for line in lines))


def _cut(text: str, most: int) -> str:
    """The text's beginning and end, and how much there is between them: of output, the end tells most."""
    lines = text.splitlines()
    if len(lines) <= most:
        return text
    if most == 1:
        return lines[0]
    tail = most // 2
    head = most - 1 - tail
    return "\n".join([*lines[:head], f"… {len(lines) - head - tail} lines …", *lines[-tail:]])
