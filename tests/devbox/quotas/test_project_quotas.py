"""A hard cap on the disk of a sandbox devbox, where the file system keeps project quotas: on Debian's own kernel."""

import os
import platform
import sys
from pathlib import Path

import pytest
from machine import DISK, run_with_quotas

CHECKS = Path(__file__).with_name("quota_checks.py")
NAMES = [
    line.split()[2].partition("(")[0]
    for line in CHECKS.read_text().splitlines()
    if line.startswith("async def ") and "main" not in line
]


@pytest.mark.proof
@pytest.mark.xdist_group("quotas")  # the first installs what both need
@pytest.mark.timeout(900)
@pytest.mark.parametrize("file_system", ["ext4", "xfs"])
def test_the_file_system_holds_disks_to_their_limits(file_system: str, tmp_path: Path) -> None:
    """Each of the checks in `quota_checks.py` holds in a machine whose kernel keeps project quotas."""
    assert (os.geteuid(), platform.machine()) == (0, "x86_64"), "Run this check as root, on an x86-64 machine."
    command = [sys.executable, str(CHECKS), f"{DISK}/state"]
    status, shown = run_with_quotas(command, tmp_path, file_system=file_system, timeout_seconds=800)
    assert status == 0, shown[-4000:]
    assert [name for name in NAMES if name in shown] == NAMES  # a console may put something before a name
