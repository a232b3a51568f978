"""The dependency rule between packages."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_package_imports_what_it_must_not() -> None:
    """The contracts in pyproject.toml hold: faces and engine meet in the api alone."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout
    assert " 0 broken" in result.stdout
