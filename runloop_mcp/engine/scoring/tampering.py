"""What a solver did beside its answer, put together for an operator. It never changes a score."""

import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath

from runloop_mcp.api.models.scoring import ScoringContract, TestBasedScorer
from runloop_mcp.api.models.trust import NetworkAttempts, TamperReport
from runloop_mcp.devbox.port import HOME, Files, Network, Observation

_MOST = 100
"""How many of each kind are listed."""
_LONGEST = 300
"""Characters of a name."""
_MOST_TESTS = 500
"""They are kept with the devbox, and read with it."""
_MOST_FILES = 50_000
_TEST_FOLDERS = frozenset({"test", "tests", "spec", "specs", "__tests__"})
_TEST_NAMES = re.compile(r"test[_-].*|.*[_.-](?:test|tests|spec)\.\w+|.*Tests?\.\w+|conftest\.py")


def looks_like_test(path: str) -> bool:
    """Whether a file is a test by its name or by the directory that it lies in."""
    *folders, name = PurePosixPath(path).parts
    return not _TEST_FOLDERS.isdisjoint(folders) or _TEST_NAMES.fullmatch(name) is not None


def visible_tests(files: Files | None, made: Iterable[str]) -> list[str]:
    """The tests that an environment shows a solver; may block.

    Args:
        files: What it lays out.
        made: The paths of what launch commands made.
    """
    found = {path for path in made if looks_like_test(path)}
    return sorted(found.union(_tests_in(files) if files else ()))[:_MOST_TESTS]


@lru_cache(maxsize=256)
def _tests_in(files: Files) -> frozenset[str]:
    """Looked for once: the same key means the same files."""
    paths = islice(_files_below(files.source), _MOST_FILES)
    return frozenset(path for path in paths if looks_like_test(path))


def _files_below(top: Path) -> Iterable[str]:
    for folder, _, names in os.walk(top):
        place = os.path.relpath(folder, top)
        yield from (names if place == "." else (f"{place}/{name}" for name in names))


def tamper_report(
    seen: Observation | None,
    *,
    contract: ScoringContract,
    test_files: Sequence[str],
    network: Network,
    unseen: Sequence[str] = (),
) -> TamperReport:
    """The report of what was seen.

    Args:
        seen: What was seen when the disk was frozen; None where that was before this server looked.
        contract: What is scored by.
        test_files: The tests that the solver was shown.
        network: What the solver's devbox reaches.
        unseen: What could not be seen of this devbox, in a sentence each.
    """
    if seen is None:
        return TamperReport(
            not_observed=["What ran, was tried and was changed: the disk was frozen by a server that ended just then."]
        )
    missing = list(unseen)
    if seen.processes is None:
        missing.append("Processes: this kind of devbox can't tell.")
    if seen.unreachable is None or seen.lookups is None:
        reaches = "the devbox has the host's network, which counts for all" if network is Network.HOST else None
        missing.append(f"Network attempts: {reaches or 'this kind of devbox can not tell'}.")
    if seen.changed_in_home is None or seen.changed_in_work is None:
        missing.append("Changed files: this kind of devbox can't tell.")
    work = None if seen.changed_in_work is None else set(seen.changed_in_work)
    lists = {
        "tests_changed": None if work is None else sorted(work.intersection(test_files)),
        "scorer_inputs": None if work is None else _in_the_way(contract, work),
        "processes": None if seen.processes is None else sorted(set(seen.processes)),
        "changed_outside": seen.changed_in_home and [f"{HOME}/{path}" for path in seen.changed_in_home],
    }
    counted = seen.unreachable is not None and seen.lookups is not None
    return TamperReport(
        **{name: None if names is None else [_safe(each) for each in names[:_MOST]] for name, names in lists.items()},
        process_count=None if seen.processes is None else len(seen.processes),
        network=NetworkAttempts(unreachable=seen.unreachable or 0, lookups=seen.lookups or 0) if counted else None,
        truncated=seen.truncated or any(len(names) > _MOST for names in lists.values() if names),
        not_observed=missing,
    )


def _in_the_way(contract: ScoringContract, changed: set[str]) -> list[str]:
    """What the solver put where test files of the scorers go."""
    wanted = {
        "/".join(PurePosixPath(file.file_path).parts)
        for function in contract.scoring_function_parameters
        if isinstance(function.scorer, TestBasedScorer)
        for file in function.scorer.test_files
    }
    return sorted(path for path in changed if path in wanted or any(each.startswith(f"{path}/") for each in wanted))


def _safe(name: str) -> str:
    """A name that can be shown and kept anywhere: bytes and characters that are not printable are written out."""
    text = os.fsencode(name).decode(errors="backslashreplace")
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
