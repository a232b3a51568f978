"""`test_based_scorer`: lays the test files out, runs the command; exit status 0 is 1.0, any other 0.0.

The files are there while the command runs and no longer: neither later functions nor, where scoring runs in the
solver's own devbox, the solver find them. What was in their place is put back.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

import anyio

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.scoring import ScorerTestFile, TestBasedScorer
from runloop_mcp.devbox.port import Devbox
from runloop_mcp.engine.scoring.in_the_way import Aside, move_aside, put_back
from runloop_mcp.engine.scoring.protocol import ScorerFailed, Workplace
from runloop_mcp.engine.scoring.running import ScriptFailed


async def score(scorer: TestBasedScorer, workplace: Workplace) -> float:
    """Scores with test files and a command."""
    async with _laid_out(workplace.devbox, scorer.test_files):
        exit_ = await workplace.bash(scorer.test_command)
    return 1.0 if exit_.status == 0 else 0.0


@asynccontextmanager
async def _laid_out(devbox: Devbox, test_files: Sequence[ScorerTestFile]) -> AsyncIterator[None]:
    files = {_relative(file.file_path): file.file_contents.encode(errors="replace") for file in test_files}
    if not files:
        yield
        return
    try:
        aside = await move_aside(devbox, list(files))
    except ScriptFailed as error:
        raise ScorerFailed(f"The test files can't be laid out among the solver's: {error}") from error
    try:
        for path, data in files.items():
            await devbox.write_file(path, data, mode=0o644)
        yield
    except InvalidRequest as error:
        raise ScorerFailed(f"The test files can't be laid out: {error}") from error
    finally:
        with anyio.CancelScope(shield=True):  # its own time limit ends it
            await _take_out(devbox, aside)


async def _take_out(devbox: Devbox, aside: Aside) -> None:
    try:
        await put_back(devbox, aside)
    except ScriptFailed as error:
        # The code under test may have seen to that: no score, and no second try either.
        raise ScorerFailed(f"The test files could not be taken out of the devbox again: {error}") from error


def _relative(path: str) -> str:
    """The path in its plainest form.

    Raises:
        ScorerFailed: It is absolute, leaves the working directory, or names no file.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or path.endswith("/") or ".." in parts or "\0" in path:
        raise ScorerFailed(
            f"The test file path {path!r} is not valid: it has to be a file's path relative to the working directory, "
            "without '..'."
        )
    return "/".join(parts)
