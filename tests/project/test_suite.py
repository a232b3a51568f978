"""The rules of the suite itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def _run(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    for own in ("conftest.py", "lent_tools.py"):
        shutil.copy(TESTS / own, folder)
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "no:cacheprovider", "--rootdir", ".", *options]
    few = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=few, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("source", "workers"),
    [
        ("import pytest\ndef test_skips(): pytest.skip('no weather')", "0"),
        pytest.param(
            "import pytest\n@pytest.mark.skip(reason='no weather')\ndef test_skips(): pass",
            "1",
            marks=pytest.mark.proof,
        ),
        pytest.param("import pytest\npytest.skip('no weather', allow_module_level=True)", "0", marks=pytest.mark.proof),
    ],
)
def test_a_skipped_test_fails_the_suite_and_is_named(tmp_path: Path, source: str, workers: str) -> None:
    """Whichever way a test is skipped, the suite fails, names it and gives its reason."""
    result = _run(tmp_path, source, "-n", workers)
    assert result.returncode != 0
    assert "no weather" in result.stdout
    assert any(line.startswith(("FAILED test_it.py", "ERROR test_it.py")) for line in result.stdout.splitlines())


@pytest.mark.proof
def test_proof_runs_only_at_full_size(tmp_path: Path) -> None:
    """A test marked `proof` is left out without being skipped, and takes part with --full-size."""
    source = "import pytest\n@pytest.mark.proof\ndef test_long(full_size): assert full_size\ndef test_short(): pass"
    assert "1 passed, 1 deselected" in _run(tmp_path, source).stdout
    assert "2 passed" in _run(tmp_path, source, "--full-size").stdout
