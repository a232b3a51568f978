"""The scores of runs as a picture: one column for each run, one row for the total and each scoring function.

SVG, written here: every number stands in the picture and in its description, so that nobody has to measure a bar.
Takes only what `runloop_mcp.api.disclosure` has passed.
"""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.comparison import function_scores, summary
from runloop_mcp.server.rendering.quantities import score_text

_NAMESPACE: Final = "http://www.w3.org/2000/svg"
_LABELS: Final = 190
_COLUMN: Final = 56
_ROW: Final = 64
_BAR: Final = 36
_TOP: Final = 64
_BOTTOM: Final = 28
_NAME: Final = 24
"""Characters of a scoring function's name that there is room for."""
_FULL: Final = 1.0
_STYLE: Final = (
    "svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#1c1b1a}.h{font-weight:600}.q{fill:#57534e}"
    ".t{fill:#e7e5e2}.f{fill:#116329}.p{fill:#7d4e00}.n{fill:#a40e26}"
    "@media(prefers-color-scheme:dark){svg{background:#1b1c1e}text{fill:#ebe9e6}.q{fill:#b5b1ab}.t{fill:#36383c}"
    ".f{fill:#56d364}.p{fill:#e3b341}.n{fill:#ff8a80}}"
)


def scores_svg(name: str, runs: Sequence[ScenarioRunView]) -> str:
    """The scores of runs of one scenario, in the order given.

    Args:
        name: The scenario's.
        runs: The runs, the oldest first.
    """
    functions = list(dict.fromkeys(each for run in runs for each in function_scores(run)))
    width = max(_LABELS + _COLUMN * max(len(runs), 1) + 12, 360)
    height = _TOP + _ROW * (1 + len(functions)) + _BOTTOM
    title = f"Scores of {printable(name)}"
    drawn = [
        _text(12, 22, _cut(title, 60), "h"),
        _text(12, 40, summary(runs), "q"),
        *(_text(_middle(place), _TOP - 6, f"#{_attempt(run)}", "q", middle=True) for place, run in enumerate(runs)),
        *_row(0, "Total", [run.score for run in runs], [str(run.state) for run in runs]),
    ]
    for place, function in enumerate(functions, 1):
        drawn += _row(place, function, [function_scores(run).get(function) for run in runs], [""] * len(runs))
    return "\n".join(
        [
            f'<svg xmlns="{_NAMESPACE}" width="{width}" height="{height}" role="img" aria-labelledby="t d">',
            f'<title id="t">{escape(title)}</title>',
            f'<desc id="d">{escape(plot_text(runs))}</desc>',
            f"<style>{_STYLE}</style>",
            *drawn,
            "</svg>",
            "",
        ]
    )


def plot_text(runs: Sequence[ScenarioRunView]) -> str:
    """What the picture shows, in words: the alternative for whoever does not see it."""
    return " ".join([summary(runs), *(_in_words(run) for run in runs)])


def _in_words(run: ScenarioRunView) -> str:
    begin = f"Attempt {_attempt(run)} ({run.id})"
    if run.score is None:
        return f"{begin}: no score, {run.state}."
    parts = [f"{name} {score_text(score)}" for name, score in function_scores(run).items()]
    return f"{begin}: {score_text(run.score)}" + (f" ({', '.join(parts)})." if parts else ".")


def _row(place: int, label: str, scores: Sequence[float | None], instead: Sequence[str]) -> list[str]:
    top = _TOP + _ROW * place
    drawn = [_text(12, top + _BAR / 2 + 4, _cut(printable(label), _NAME), "")]
    for column, (score, words) in enumerate(zip(scores, instead, strict=True)):
        left = _middle(column) - 14
        drawn.append(f'<rect class="t" x="{left}" y="{top}" width="28" height="{_BAR}" rx="2"/>')
        if score is None:
            drawn.append(_text(_middle(column), top + _BAR + 15, words or "-", "q", middle=True))
            continue
        tall = round(min(max(score, 0.0), 1.0) * _BAR, 2)
        grade = "f" if score >= _FULL else "p" if score > 0 else "n"
        drawn.append(f'<rect class="{grade}" x="{left}" y="{top + _BAR - tall}" width="28" height="{tall}"/>')
        drawn.append(_text(_middle(column), top + _BAR + 15, score_text(score), "h", middle=True))
    return drawn


def _middle(column: int) -> int:
    return _LABELS + _COLUMN * column + _COLUMN // 2


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _attempt(run: ScenarioRunView) -> int:
    return run.x_runloop_mcp.attempt if run.x_runloop_mcp else 1


def _text(x: float, y: float, text: str, kind: str, *, middle: bool = False) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text x="{x}" y="{y}" class="{kind}"{anchor}>{escape(text)}</text>'
