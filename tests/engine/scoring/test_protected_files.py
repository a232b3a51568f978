"""Protected files are put back as they were before the solver came, and what was done to them is told."""

from pathlib import Path

import pytest
from scoring_cases import Solver, solver

from runloop_mcp.engine.scoring.protected import (
    DEFAULT_PROTECTED,
    capture_protected,
    protected_names,
    restore_protected,
)

BEFORE = (
    "mkdir -p pkg/tests; echo one > conftest.py; chmod 640 conftest.py; echo two > pkg/tests/conftest.py; echo x > a.py"
)


async def restored(box: Solver) -> list[str]:
    """What putting the protected files back touches; afterwards they are as they were."""
    touched = await restore_protected(box.devbox, DEFAULT_PROTECTED, box.pristine)
    assert await capture_protected(box.devbox, DEFAULT_PROTECTED) == dict(box.pristine)
    assert await restore_protected(box.devbox, DEFAULT_PROTECTED, box.pristine) == []
    return touched


TAMPERING = [
        ("echo y > a.py", []),
        ("echo evil > conftest.py", ["conftest.py"]),
        ("chmod 777 conftest.py", ["conftest.py"]),
        ("rm conftest.py; echo '[pytest]' > pkg/pytest.ini", ["conftest.py", "pkg/pytest.ini"]),
        ("rm conftest.py; ln -s a.py conftest.py", ["conftest.py"]),
        ("rm conftest.py; ln -s nowhere conftest.py; ln -s / tox.ini", ["conftest.py", "tox.ini"]),
        ("rm conftest.py; mkfifo conftest.py", ["conftest.py"]),
        ("rm conftest.py; mkdir -p conftest.py/deep; touch conftest.py/deep/file", ["conftest.py"]),
        ("rm -r pkg; echo no directory > pkg", ["pkg/tests/conftest.py"]),
        ("rm -r pkg; ln -s nowhere pkg", ["pkg/tests/conftest.py"]),
        ("mkdir 'odd\nname'; touch 'odd\nname/setup.cfg'", ["odd\nname/setup.cfg"]),
        ("mkdir locked; touch locked/tox.ini; chmod 500 locked", ["locked/tox.ini"]),
]  # fmt: skip


async def test_tampering_is_undone_and_told(state: Path, subtests: pytest.Subtests) -> None:
    """Changed, removed, replaced, hidden and further files are put right, and exactly they are named."""
    async with solver(state, before=BEFORE) as box:
        assert set(box.pristine) == {"conftest.py", "pkg/tests/conftest.py"}
        for tampering, touched in TAMPERING:
            with subtests.test(tampering=tampering):
                await box.does(tampering)
                assert await restored(box) == touched
            await box.does(f"chmod -R u+rwX .; rm -rf ./*; {BEFORE}")


async def test_links_that_were_there_before_are_no_tampering(state: Path) -> None:
    """A protected name that is a link in the environment itself is left alone."""
    async with solver(state, before="echo one > shared.py; ln -s shared.py conftest.py") as box:
        assert await restored(box) == []


async def test_bytecode_beside_a_protected_module_goes(state: Path) -> None:
    """Bytecode beside a protected module could say something else than it does, so none is left."""
    async with solver(state, before=BEFORE) as box:
        await box.does("mkdir __pycache__; touch __pycache__/conftest.cpython-311.pyc conftest.so __pycache__/a.pyc")
        assert await restored(box) == []
        assert await box.does("shopt -s nullglob; echo __pycache__/* *.so") == "__pycache__/a.pyc\n"


def test_names_come_from_the_metadata() -> None:
    """Names stand in one string, by commas or white space; absent, the default counts; empty protects nothing."""
    assert protected_names({}) == DEFAULT_PROTECTED
    assert {"conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "sitecustomize.py"} <= set(DEFAULT_PROTECTED)
    assert protected_names({"protected": "Makefile, a.cfg  b.cfg,,a.cfg\n"}) == ("Makefile", "a.cfg", "b.cfg")
    assert protected_names({"protected": " "}) == ()
