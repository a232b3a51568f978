"""Looks through all that the solver can read for text that must not be there, which it knows by digests alone."""

import bz2
import gzip
import lzma
import os
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .parts import digest, normal_lines
from .toolkit import has

_PSEUDO = ("/proc", "/sys", "/dev")
_MOST_BYTES = 1 << 26
_MOST_FINDS = 60
_LONGEST_PLACE = 300
_HEAD_BYTES = 8192
"""A text has no NUL in so many bytes."""
_GIT_SECONDS = 120
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def cheat(situation: dict[str, Any]) -> dict[str, Any]:
    """Where parts of the secret texts are.

    Args:
        situation: `secrets`: by name of a text the digests of its parts; `widths`: of how many lines parts are;
            `seconds`: how long to search.

    Returns:
        `found`: for each text and place how many of its parts, most first. `searched`: how many texts. `whole`: whether
        that is all there is.
    """
    ends = time.monotonic() + situation["seconds"]
    searched, whole = 0, True
    owners: dict[str, list[str]] = {}
    for name, digests in situation["secrets"].items():
        for each in digests:
            owners.setdefault(each, []).append(name)
    found: dict[tuple[str, str], set[str]] = {}
    for place, data in _texts():
        if time.monotonic() > ends:
            whole = False
            break
        searched += 1
        lines = normal_lines(data) if b"\0" not in data[:_HEAD_BYTES] else []
        for width in situation["widths"]:
            for at in range(len(lines) - width + 1):
                key = digest(lines[at : at + width])
                for name in owners.get(key, ()):
                    found.setdefault((name, place), set()).add(key)
    most = sorted(found.items(), key=lambda each: -len(each[1]))[:_MOST_FINDS]
    listed = [{"secret": name, "place": place[:_LONGEST_PLACE], "parts": len(parts)} for (name, place), parts in most]
    return {"found": listed, "searched": searched, "whole": whole}


def _texts() -> Iterator[tuple[str, bytes]]:
    yield "the environment", "\n".join(f"{name}={value}" for name, value in os.environ.items()).encode(errors="replace")
    skipped = {*_PSEUDO, *_shared_mounts()}
    for folder, folders, names in os.walk("/"):
        if ".git" in folders:
            yield from _objects(Path(folder, ".git"), str(Path(folder, ".git")))
        folders[:] = [each for each in folders if str(Path(folder, each)) not in skipped]
        if {"HEAD", "objects", "refs"} <= {*folders, *names} and not folder.endswith("/.git"):
            yield from _objects(Path(folder), folder)
        for name in names:
            yield from _of_file(Path(folder, name))


def _shared_mounts() -> set[str]:
    """What is mounted read-only is the system that every devbox shares: no scenario can have put anything there."""
    shared = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[4] != "/" and "ro" in fields[5].split(","):
            shared.add(fields[4])
    return shared


def _of_file(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_symlink() or not path.is_file():
            return
        with path.open("rb") as file:
            yield str(path), file.read(_MOST_BYTES)
        if path.suffix in _OPENERS:
            with _OPENERS[path.suffix](path) as packed:
                yield f"{path} (unpacked)", packed.read(_MOST_BYTES)
        if path.suffix == ".bundle":
            yield from _of_bundle(path)
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile() and (inner := archive.extractfile(member)):
                        yield _member(path, member.name, inner)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archived:
                for name in archived.namelist():
                    with archived.open(name) as inside:
                        yield _member(path, name, inside)
    except (OSError, EOFError, ValueError, RuntimeError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile):
        return  # what can't be read by its owner holds nothing for anybody


def _member(path: Path, name: str, file: IO[bytes]) -> tuple[str, bytes]:
    return f"{path} ({name})", file.read(_MOST_BYTES)


def _of_bundle(path: Path) -> Iterator[tuple[str, bytes]]:
    if not has("git"):
        return
    bare = Path("/tmp/.unpacked.git")  # noqa: S108 - the devbox's own
    for command in (
        ["git", "init", "-q", "--bare", str(bare)],
        ["git", "-C", str(bare), "bundle", "unbundle", str(path)],
    ):
        subprocess.run(command, capture_output=True, check=False, timeout=_GIT_SECONDS)
    yield from _objects(bare, f"{path} (git)")


def _objects(repository: Path, place: str) -> Iterator[tuple[str, bytes]]:
    """Every file and message that a repository holds, whether a ref leads to it or not."""
    if not has("git"):
        return
    command = ["git", f"--git-dir={repository}", "cat-file", "--batch-all-objects", "--batch"]
    result = subprocess.run(command, capture_output=True, check=False, timeout=_GIT_SECONDS)
    data, at = result.stdout, 0
    while at < len(data):
        head, _, _ = data[at : at + 200].partition(b"\n")
        fields = head.split()
        if len(fields) != 3:
            return
        start = at + len(head) + 1
        size = int(fields[2])
        if fields[1] in (b"blob", b"commit", b"tag"):
            yield f"{place} ({fields[1].decode()} {fields[0][:12].decode()})", data[start : start + size]
        at = start + size + 1
