"""The environment that scorers run in: rebuilt, so that no variable of a run steers the programs that judge it.

Why each variable is here: docs/decisions/0003-scoring.md.
"""

import re
from collections.abc import Mapping

from runloop_mcp.api.models.scoring import ScoringMode
from runloop_mcp.devbox.port import HOME, DevboxSpec

SCORER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where scorers find programs: the system's directories, none of which a solver can write."""

_STEERING = re.compile(
    # The loader and the C library; where things are; shells; language runtimes; tools.
    r"LD_.*|GLIBC_.*|GCONV_PATH|MALLOC_.*|LOCPATH"
    r"|PATH|HOME|USER|LOGNAME|SHELL|PWD|OLDPWD|TMPDIR|XDG_.*"
    r"|ENV|BASH.*|SHELLOPTS|IFS|CDPATH|GLOBIGNORE|PROMPT_COMMAND|PS[0-4]|ZDOTDIR"
    r"|PYTHON.*|PYTEST.*|VIRTUAL_ENV|CONDA_.*|PIP_.*|UV_.*|COVERAGE_.*"
    r"|NODE_.*|npm_.*|PERL.*|RUBY.*|GEM_.*|BUNDLE_.*|LUA_.*|PHP.*"
    r"|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_.*|CLASSPATH|GO[A-Z]+|CARGO_.*|RUST.*"
    r"|GIT_.*|EDITOR|VISUAL|PAGER|LESS.*|MAKE.*|GNUMAKEFLAGS|MFLAGS|TAR_OPTIONS|GREP_.*|AWK.*"
    # Functions for bash to import, and what no program means to read.
    r"|.*[^A-Za-z0-9_].*",
    re.DOTALL,
)

_SOLVERS_HOME = {
    # Python would start with a module of the solver's; in a home as it was before the solver came, packages count.
    "PYTHONNOUSERSITE": "1",
    # pytest would leave the names of hidden tests in the working directory, which in `live` is the solver's.
    "PYTEST_ADDOPTS": "-p no:cacheprovider",
}

_GIT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    # A repository's own configuration can name programs that any git command starts; what stands here wins.
    "GIT_CONFIG_COUNT": "3",
    "GIT_CONFIG_KEY_0": "core.fsmonitor",
    "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "core.hooksPath",
    "GIT_CONFIG_VALUE_1": "/dev/null",
    "GIT_CONFIG_KEY_2": "safe.directory",
    "GIT_CONFIG_VALUE_2": "*",
}


def harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """These variables without those that steer programs: the loader, shells, language runtimes, git and other tools."""
    return {name: value for name, value in environment.items() if name and not _STEERING.fullmatch(name)}


def scorer_environment(devbox: DevboxSpec, run_environment: Mapping[str, str], mode: ScoringMode) -> dict[str, str]:
    """What to set for a scorer.

    Args:
        devbox: What the scoring devbox is made of. What it gives every command can only be replaced, so what steers is
            made empty: the loader, shells and Python take it for absent.
        run_environment: The run's variables; those that steer are left out.
        mode: Whose home it is that scorers run with.
    """
    harmful = devbox.environment.keys() - harmless(devbox.environment).keys()
    return {
        **dict.fromkeys(harmful, ""),
        **harmless(run_environment),
        "PATH": SCORER_PATH,
        "HOME": HOME,
        "USER": devbox.user.name,
        "LOGNAME": devbox.user.name,
        "SHELL": "/bin/bash",
        "TMPDIR": "/tmp",  # noqa: S108 - the devbox's own
        # Nothing of a hidden test stays behind.
        "PYTHONDONTWRITEBYTECODE": "1",
        **(_SOLVERS_HOME if mode is not ScoringMode.CLEAN else {}),
        **_GIT,
    }
