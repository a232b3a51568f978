"""Protected files: what steers a test run from among the solver's files is put back as it was before the solver came.

They are named by their base names (`metadata.protected`), and count wherever they lie below the working directory.
"""

import posixpath
from collections.abc import Mapping, Sequence

from runloop_mcp.api.errors import InvalidRequest, NotFound, Unavailable
from runloop_mcp.devbox.port import Devbox, FileData
from runloop_mcp.engine.scoring.in_the_way import delete_in_the_way
from runloop_mcp.engine.scoring.running import ScriptFailed

DEFAULT_PROTECTED = (
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "setup.cfg",
    "sitecustomize.py",
    "usercustomize.py",
)
"""What pytest and Python read by themselves. Not `pyproject.toml`: a solver may have good reasons to change that."""

_FOUND_AT_ONCE = 10_000


def protected_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The base names that a scenario protects: `metadata.protected`, by commas or white space; empty protects none."""
    named = metadata.get("protected")
    return DEFAULT_PROTECTED if named is None else tuple(dict.fromkeys(named.replace(",", " ").split()))


async def capture_protected(devbox: Devbox, names: Sequence[str]) -> dict[str, FileData]:
    """The protected files as they are now, by path relative to the working directory.

    Raises:
        Unavailable: The devbox was lost.
    """
    captured = {}
    for path in await _present(devbox, names):
        try:
            captured[path] = await devbox.read_file(path)
        except (InvalidRequest, NotFound):  # a link to nowhere or to no file, or not readable: no test run reads it
            continue
    return captured


async def restore_protected(devbox: Devbox, names: Sequence[str], pristine: Mapping[str, FileData]) -> list[str]:
    """Puts the protected files back as they were: changed and missing ones are written, further ones deleted.

    Args:
        devbox: Whose working directory.
        names: The protected base names.
        pristine: The files as they were, by path relative to the working directory.

    Returns:
        The paths that were not as they had been, relative to the working directory, sorted.

    Raises:
        Unavailable: The devbox was lost, or a file can't be put back.
    """
    changed = [path for path, file in pristine.items() if not await _is(devbox, path, file)]
    # A module is written in any case: what is found and deleted beside it may be bytecode that says something else.
    rewritten = [path for path in pristine if path in changed or path.endswith(".py")]
    try:
        deleted = await _delete_further(devbox, names, pristine)
        if rewritten:
            await delete_in_the_way(devbox, rewritten)
        for path in rewritten:
            await devbox.write_file(path, pristine[path].data, mode=pristine[path].mode)
    except (ScriptFailed, InvalidRequest) as error:
        raise Unavailable(f"The protected files can't be put back as they were: {error}") from error
    return sorted({*changed, *deleted})


async def _delete_further(devbox: Devbox, names: Sequence[str], pristine: Mapping[str, FileData]) -> set[str]:
    deleted: set[str] = set()
    full = True
    while full:  # each round deletes what it found, so a round that finds nothing new is the last
        present = await _present(devbox, names)
        further = set(present) - pristine.keys() - deleted
        if further:
            await delete_in_the_way(devbox, sorted(further))
        deleted |= further
        full = len(present) >= _FOUND_AT_ONCE and bool(further)
    return deleted


async def _present(devbox: Devbox, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    top = devbox.spec.working_directory
    return [posixpath.relpath(path, top) for path in await devbox.find_files(names, below=top, limit=_FOUND_AT_ONCE)]


async def _is(devbox: Devbox, path: str, file: FileData) -> bool:
    try:
        present = await devbox.read_file(path, limit=file.size + 1)
    except (InvalidRequest, NotFound):
        return False
    return present.data == file.data and present.mode == file.mode
