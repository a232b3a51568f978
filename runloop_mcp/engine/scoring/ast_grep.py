"""`ast_grep_scorer`: at least one match of the pattern is 1.0, none 0.0."""

import posixpath
import re

from runloop_mcp.api.models.scoring import AstGrepScorer
from runloop_mcp.engine.scoring.protocol import ScorerFailed, Workplace

_ESCAPED = re.compile(r"\\([$\"\\`])")
_EVERYTHING = [
    part for kind in ("hidden", "dot", "exclude", "global", "parent", "vcs") for part in ("--no-ignore", kind)
]
"""Files that a solver hides or lists in an ignore file count like all others."""
_FOUND, _NOT_FOUND = 0, 1


async def score(scorer: AstGrepScorer, workplace: Workplace) -> float:
    """Scores by whether ast-grep finds the pattern."""
    program = workplace.tools.ast_grep
    if program is None:
        raise ScorerFailed(
            "ast-grep is not installed beside the server. Install it: pip install 'runloop-mcp[scorers]', or put"
            " ast-grep on the server's PATH."
        )
    directory = posixpath.join(workplace.devbox.spec.working_directory, scorer.search_directory)
    # Looked at first: ast-grep ends with the same status where there is no match and where there is no directory.
    there = await workplace.run(["/usr/bin/test", "-d", directory])
    if there.status != 0:
        raise ScorerFailed(
            f"There is no directory {scorer.search_directory!r} to search, seen from the working directory."
        )
    language = ["--lang", scorer.lang] if scorer.lang else []
    search = [
        "run",
        "--color",
        "never",
        *_EVERYTHING,
        *language,
        f"--pattern={unescaped(scorer.pattern)}",
        "--",
        directory,
    ]
    # From the root, which is ours: ast-grep reads an sgconfig.yml where it starts, and in the directories above.
    exit_ = await workplace.run([program, *search], working_directory="/")
    if exit_.status not in (_FOUND, _NOT_FOUND):
        raise ScorerFailed(f"ast-grep could not search: exit status {exit_.status}.")
    return 1.0 if exit_.status == _FOUND else 0.0


def unescaped(pattern: str) -> str:
    r"""The pattern as ast-grep is to read it.

    It arrives as it would stand between double quotes in a shell, so one level of escapes goes: those of `$`, `"`, `\`
    and the back quote. A pattern without such escapes stays as it is.
    """
    return _ESCAPED.sub(r"\1", pattern)
