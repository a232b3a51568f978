"""A Docker daemon of the test's own, from Debian's docker.io, and a base image made without a registry."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCKER = "/usr/bin/docker"
_PROGRAMS = {"/usr/bin/docker": "docker.io", "/usr/sbin/dockerd": "docker.io", "/usr/sbin/debootstrap": "debootstrap"}
_PACKAGES = "python3,python3-venv,git,gcc,libc6-dev,make,sqlite3,libseccomp2,procps,ca-certificates"


def install_programs() -> None:
    """Makes sure of Debian's docker.io and debootstrap."""
    missing = {package for program, package in _PROGRAMS.items() if not Path(program).exists()}
    if not missing:
        return
    assert os.geteuid() == 0, f"Run this check as root, or install {', '.join(missing)} and run it as root."
    run("apt-get", "update", "-qq")
    run("apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq", "--no-install-recommends", *missing)


def run(*command: str, seconds: float = 600, environment: dict[str, str] | None = None) -> str:
    """Runs a command; its output is shown where it fails."""
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds, env={**os.environ, **(environment or {})}
    )
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
    return result.stdout


def base_files(archive: Path, scratch: Path) -> None:
    """Makes an archive of a small system of this machine's release, from the mirror that its apt uses."""
    if archive.exists():
        return
    indexes = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(CODENAME)|$(REPO_URI)")
    mirrors = [line.split("|") for line in indexes.splitlines()]
    release, mirror = next((row[2], row[3]) for row in mirrors if row[0] == row[1] and "-" not in row[2])
    root = scratch / "root"
    # Mounts of its own, so that what debootstrap mounts inside is gone with it.
    debootstrap = ("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", release, str(root), mirror)
    run("unshare", "--mount", *debootstrap, seconds=1200)
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".part")
    run(
        "tar",
        "--one-file-system",
        "--exclude=./var/cache/apt/archives/*.deb",
        "-C",
        str(root),
        "-cf",
        str(partial),
        ".",
    )
    partial.rename(archive)
    shutil.rmtree(root)


@contextmanager
def daemon(scratch: Path) -> Iterator[dict[str, str]]:
    """A daemon without networks; yields the environment that leads the docker command to it."""
    address = f"unix://{scratch / 'docker.sock'}"
    options = [f"--{name}={scratch / name}" for name in ("data-root", "exec-root", "pidfile")]
    command = ["/usr/sbin/dockerd", "--host", address, *options]
    command += ["--bridge=none", "--iptables=false", "--ip-forward=false"]
    environment = {"DOCKER_HOST": address, "DOCKER_BUILDKIT": "0"}
    with (scratch / "dockerd.log").open("w+") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_ready(process, environment, scratch / "dockerd.log")
            yield environment
        finally:
            process.terminate()
            process.wait(30)


def _wait_ready(process: subprocess.Popen[bytes], environment: dict[str, str], log: Path) -> None:
    deadline = time.monotonic() + 60
    ready = [DOCKER, "version", "--format", "{{.Server.Version}}"]
    environment = {**os.environ, **environment}
    while subprocess.run(ready, env=environment, capture_output=True, check=False).returncode != 0:
        assert process.poll() is None, f"dockerd ended: {log.read_text()[-2000:]}"
        assert time.monotonic() < deadline, f"dockerd is not ready: {log.read_text()[-2000:]}"
        time.sleep(0.2)
