"""What scorers need in a scoring devbox beside the environment itself, and what of it there is."""

import hashlib
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from runloop_mcp.api.models.scoring import PythonScriptScorer
from runloop_mcp.devbox.port import Files, WorkOf

SYSTEM_PYTHON = "/usr/bin/python3"
AST_GREP = "ast-grep"
UV = "uv"
_FOLDER = "/scorer-tools"
"""Where tools lie in a devbox. At the top of its read-only root, as no working directory can be above that: what a
solver's code could move away, it could put something of its own in place of."""


@dataclass(frozen=True, slots=True)
class PythonNeeds:
    """What a Python script needs beside the devbox's own interpreter."""

    requirements: str
    constraint: str
    """A version specifier, such as `>=3.12`; empty for any version."""

    @classmethod
    def of(cls, scorer: PythonScriptScorer) -> Self | None:
        """What a scorer needs; None where the devbox's own interpreter will do."""
        requirements = (scorer.requirements_contents or "").strip()
        constraint = (scorer.python_version_constraint or "").strip()
        return cls(requirements, constraint) if requirements or constraint else None

    def key(self, *also: str) -> str:
        """Names what is built from this and from what else decides it."""
        words = (_FOLDER, self.requirements, self.constraint, *also)
        return hashlib.sha256("\0".join(words).encode(errors="replace")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class BuiltPython:
    """What was built for a Python script: paths in the scoring devbox."""

    interpreter: str
    packages: str


@dataclass(frozen=True, slots=True)
class ScorerTools:
    """What the scorers of one contract find in their devbox."""

    ast_grep: str | None = None
    """Where the program is in the devbox; None where it is not installed."""
    pythons: Mapping[PythonNeeds, BuiltPython | str] = field(default_factory=dict)
    """What was built for each script's needs, or why it could not be."""
    read_only: Mapping[str, Files | WorkOf] = field(default_factory=dict)
    """What has to lie in the devbox for that."""


def tool_folder(name: str) -> str:
    """Where a tool lies in a devbox."""
    return f"{_FOLDER}/{name}"


def find_program(name: str) -> Path | None:
    """A program of the server's own environment, as the extra `scorers` installs it, or else of its PATH."""
    own = Path(sysconfig.get_path("scripts"), name)
    found = str(own) if own.is_file() else shutil.which(name)
    return Path(found).resolve() if found else None


def program_files(program: Path) -> Files:
    """A program, ready to lie in devboxes: named by what it is now, so that another version is another thing."""
    about = program.stat()
    identity = f"{program}\0{about.st_size}\0{about.st_mtime_ns}"
    return Files(f"{program.name}-{hashlib.sha256(identity.encode()).hexdigest()[:24]}", program)
