"""A plot as SVG, written here: exact, small, in the reader's colours, and its description is read aloud."""

from typing import Final
from xml.sax.saxutils import escape

from runloop_mcp.server.rendering.plot import Bar, Ink, Plot, Words

_NAMESPACE: Final = "http://www.w3.org/2000/svg"
_CLASSES: Final = {
    Ink.PLAIN: "",
    Ink.STRONG: "h",
    Ink.QUIET: "q",
    Ink.TRACK: "t",
    Ink.FULL: "f",
    Ink.PART: "p",
    Ink.NONE: "n",
}
_STYLE: Final = (
    "svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#1c1b1a}.h{font-weight:600}.q{fill:#57534e}"
    ".t{fill:#e7e5e2}.f{fill:#116329}.p{fill:#7d4e00}.n{fill:#a40e26}"
    "@media(prefers-color-scheme:dark){svg{background:#1b1c1e}text{fill:#ebe9e6}.q{fill:#b5b1ab}.t{fill:#36383c}"
    ".f{fill:#56d364}.p{fill:#e3b341}.n{fill:#ff8a80}}"
)


def svg(plot: Plot) -> str:
    """The document."""
    return "\n".join(
        [
            f'<svg xmlns="{_NAMESPACE}" width="{plot.width}" height="{plot.height}" role="img" aria-labelledby="t d">',
            f'<title id="t">{escape(plot.title)}</title>',
            f'<desc id="d">{escape(plot.description)}</desc>',
            f"<style>{_STYLE}</style>",
            *(_bar(part) if isinstance(part, Bar) else _words(part) for part in plot.parts),
            "</svg>",
            "",
        ]
    )


def _bar(bar: Bar) -> str:
    rounded = ' rx="2"' if bar.ink is Ink.TRACK else ""
    return (
        f'<rect class="{_CLASSES[bar.ink]}" x="{bar.left}" y="{bar.top}" width="{bar.width}"'
        f' height="{bar.height}"{rounded}/>'
    )


def _words(words: Words) -> str:
    anchor = ' text-anchor="middle"' if words.middle else ""
    return f'<text x="{words.x}" y="{words.baseline}" class="{_CLASSES[words.ink]}"{anchor}>{escape(words.text)}</text>'
