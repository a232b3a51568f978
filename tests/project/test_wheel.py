"""The wheel, as users get it."""

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_MOST_BYTES = 100_000_000


def _run(*command: str, cwd: Path, seconds: float = 100) -> str:
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=seconds)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def _wheel(folder: Path) -> Path:
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), cwd=ROOT)
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_whole_package_and_nothing_else(tmp_path: Path) -> None:
    """Every file of the package that is under version control is in the wheel: scenarios with all their files too."""
    tracked = set(_run("git", "ls-files", "--cached", "runloop_mcp", cwd=ROOT).split("\n")) - {""}
    with zipfile.ZipFile(_wheel(tmp_path)) as wheel:
        names = {name for name in wheel.namelist() if not name.partition("/")[0].endswith(".dist-info")}
        about = [name for name in wheel.namelist() if name.partition("/")[0].endswith(".dist-info")]
    present = {name for name in tracked if (ROOT / name).is_file()}
    assert present - names == set()
    assert {name.partition("/")[0] for name in names} == {"runloop_mcp"}
    assert not [name for name in names if name.endswith(".pyc")]
    assert any(name.endswith("/LICENSE") for name in about)


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_wheel_installs_within_its_budget_and_works(tmp_path: Path) -> None:
    """With its dependencies, without extras, it takes at most 100 MB, and its demo runs."""
    wheel = _wheel(tmp_path)
    _run(sys.executable, "-m", "venv", str(tmp_path / "venv"), cwd=tmp_path)
    python = str(tmp_path / "venv" / "bin" / "python")
    before = _size(tmp_path / "venv")
    constraint = f"--constraint={ROOT / 'constraints.txt'}"
    _run(python, "-m", "pip", "install", "--quiet", constraint, str(wheel), cwd=tmp_path, seconds=300)
    added = _size(tmp_path / "venv") - before
    assert added <= _MOST_BYTES, f"{added / 1e6:.1f} MB"
    shown = _run(python, "-m", "runloop_mcp", "demo", "--json", "--state-dir", str(tmp_path / "state"), cwd=tmp_path)
    assert json.loads(shown)["score"] == 1.0


def _size(folder: Path) -> int:
    return sum(os.lstat(Path(here, name)).st_size for here, _, names in os.walk(folder) for name in names)


def test_every_module_of_the_package_compiles() -> None:
    """Installers compile all that ends in .py, templates and scenarios' files too: none of it may be half a program."""
    for path in sorted((ROOT / "runloop_mcp").rglob("*.py")):
        ast.parse(path.read_bytes(), filename=str(path))
