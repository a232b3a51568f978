"""The file of secrets: for its owner's eyes alone, whole at every moment, and safe for several processes."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from forked_python import ForkedProcess

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.engine.secrets.file import Secret, SecretsFile

_VALUE = "hush-4711-hush"

_WRITER = """
import sys
from pathlib import Path
from runloop_mcp.engine.secrets.file import Secret, SecretsFile

file = SecretsFile(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    with file.changing() as secrets:
        name = f"{sys.argv[2]}_{number}"
        secrets[name] = Secret(name, name, 1, 1, "hush-4711-hush")
    print(name, flush=True)
"""


def _keep(file: SecretsFile, name: str) -> None:
    with file.changing() as secrets:
        secrets[name] = Secret(f"sec_{name}", name, 1, 1, _VALUE)


def test_only_the_owner_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    """The folder, the file and the lock are closed to everyone else from the first byte on."""
    folder = tmp_path / "state"
    before = os.umask(0)
    try:
        _keep(SecretsFile(folder), "KEY")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "secrets.json": 0o600,
        "secrets.lock": 0o600,
    }


def test_one_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    """The error says how to close it and what has to be feared; closed again, it works again."""
    file = SecretsFile(tmp_path)
    _keep(file, "KEY")
    file.path.chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        file.read()
    with pytest.raises(Unavailable):
        _keep(file, "OTHER")
    file.path.chmod(0o600)
    assert list(file.read()) == ["KEY"]


@pytest.mark.parametrize("count", [0, 1, 1000])
async def test_a_look_reads_what_is_there_however_much(tmp_path: Path, count: int) -> None:
    """A file that is missing, small or large is read whole, as it is now."""
    file = SecretsFile(tmp_path)
    if count:
        with file.changing() as secrets:
            secrets.update(
                {f"KEY_{number}": Secret(str(number), f"KEY_{number}", 1, 1, _VALUE) for number in range(count)}
            )
    assert await file.look() == file.read()
    _keep(file, "LATER")
    assert list(await file.look())[-1] == "LATER"
    assert len(await file.look()) == count + 1
    file.path.chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        await file.look()


@pytest.mark.parametrize("content", [f'{{"format": 1, "secrets": ["{_VALUE}"', f'{{"{_VALUE}": 1}}', _VALUE, "\xff"])
def test_one_that_is_damaged_is_named_and_not_repeated(tmp_path: Path, content: str) -> None:
    """The error says what to do and holds nothing of what the file does."""
    file = SecretsFile(tmp_path)
    _keep(file, "KEY")
    file.path.write_text(content, encoding="latin-1")
    with pytest.raises(Unavailable, match=r"secrets\.json can't be read") as caught:
        file.read()
    assert _VALUE not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_change_that_raises_changes_nothing(tmp_path: Path) -> None:
    """What was there stays, and the next change works."""
    file = SecretsFile(tmp_path)
    _keep(file, "KEY")

    def fail() -> None:
        with file.changing() as secrets:
            secrets.clear()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    _keep(file, "OTHER")
    assert list(file.read()) == ["KEY", "OTHER"]


def test_several_processes_lose_none_of_each_others_changes(tmp_path: Path) -> None:
    """What each was told that it kept is there, though one of them was killed while it wrote."""
    writers = [
        ForkedProcess(["-c", _WRITER, str(tmp_path), name, count], stdout=subprocess.PIPE, text=True)
        for name, count in (("A", "40"), ("B", "40"), ("C", "1000000"))
    ]
    kept: list[str] = []
    outputs = [writer.stdout for writer in writers]
    assert all(outputs)
    kept += [outputs[2].readline().strip() for _ in range(20)]  # type: ignore[union-attr]
    writers[2].kill()
    for writer, output in zip(writers, outputs, strict=True):
        with output:  # type: ignore[union-attr]
            kept += [line.strip() for line in output if line.endswith("\n")]  # type: ignore[union-attr]
        writer.wait(timeout=60)
    file = SecretsFile(tmp_path)
    found = file.read()
    assert set(kept) <= found.keys()
    assert {name for name in found if name[0] != "C"} == {f"{who}_{n}" for who in "AB" for n in range(40)}
    file.remove_leftover()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secrets.json", "secrets.lock"]


def test_a_secret_does_not_show_its_value(tmp_path: Path) -> None:
    """Not even where a program prints the object."""
    file = SecretsFile(tmp_path)
    _keep(file, "KEY")
    assert _VALUE not in repr(file.read())
