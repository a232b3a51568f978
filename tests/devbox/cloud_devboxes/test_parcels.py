"""Trees carried from one disk to another: whole, and never out of the directory that they are unpacked into."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from runloop_mcp.devbox.runloop.inside import parcel

Record = tuple[bytes, Sequence[bytes | int]]


def packed(source: Path, target: Path, without: bytes = b"") -> Path:
    """Packs a directory into a file."""
    with target.open("wb", buffering=0) as file:
        parcel.pack(os.fsencode(source), file.fileno(), without)
    return target


def unpacked(source: Path, target: Path) -> Path:
    """Unpacks a file into a directory."""
    target.mkdir(exist_ok=True)
    with source.open("rb", buffering=0) as file:
        parcel.unpack(file.fileno(), os.fsencode(target))
    return target


def written(target: Path, *records: Record) -> Path:
    """A parcel with these records."""
    with target.open("wb", buffering=0) as file:
        writer = parcel._Writer(file.fileno())
        for kind, fields in records:
            writer.record(kind, *fields)
        writer.end()
    return target


def listing(folder: Path) -> list[tuple[str, str, int, int, str]]:
    """What is in a tree: path, mode, time, number of names, and contents or target."""
    found = []
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        if path.is_symlink():
            content = str(path.readlink())
        else:
            content = path.read_text(errors="surrogateescape") if path.is_file() else ""
        names = about.st_nlink if path.is_file() and not path.is_symlink() else 0
        found.append((str(path.relative_to(folder)), stat.filemode(about.st_mode), about.st_mtime_ns, names, content))
    return found


def test_a_tree_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """Contents, modes, times to the nanosecond, links of both kinds, pipes, empty directories and odd names."""
    source = tmp_path / "source"
    (source / "a" / "deep").mkdir(parents=True)
    (source / "a" / "file").write_text("text")
    os.link(source / "a" / "file", source / "other name")
    (source / "link").symlink_to("a/file")
    (source / "dangling").symlink_to("/nowhere")
    os.mkfifo(source / "fifo", 0o640)
    (source / "new\nline\udcff").write_text("odd")
    (source / "closed").mkdir()
    (source / "closed" / "in").write_text("in")
    (source / "closed" / "in").chmod(0o400)
    (source / "closed").chmod(0o500)
    os.utime(source / "a", ns=(1, 987_654_321))
    assert listing(unpacked(packed(source, tmp_path / "parcel"), tmp_path / "target")) == listing(source)


def test_holes_stay_holes(tmp_path: Path) -> None:
    """A file of a terabyte that holds nothing but its end is carried as that."""
    (tmp_path / "source").mkdir()
    with (tmp_path / "source" / "huge").open("wb") as file:
        file.truncate(2**40)
        file.seek(2**40)
        file.write(b"end")
    parcel_file = packed(tmp_path / "source", tmp_path / "parcel")
    assert parcel_file.stat().st_size < 1000
    huge = unpacked(parcel_file, tmp_path / "target") / "huge"
    assert huge.stat().st_size == 2**40 + 3
    assert huge.stat().st_blocks * 512 < 2**20


def test_what_is_left_behind_is_one_path(tmp_path: Path) -> None:
    """The directory that is named stays, and another of that name elsewhere comes along."""
    for path in ("home/user/file", "other/home/user/file", "file"):
        (tmp_path / "source" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / path).write_text(path)
    target = unpacked(packed(tmp_path / "source", tmp_path / "parcel", b"home/user"), tmp_path / "target")
    files = [str(path.relative_to(target)) for path in sorted(target.rglob("*")) if path.is_file()]
    assert files == ["file", "other/home/user/file"]


def test_a_parcel_lies_over_what_is_there(tmp_path: Path) -> None:
    """Directories go together; what else both have is the parcel's, and links are not gone through."""
    source, target, outside = (tmp_path / name for name in ("source", "target", "outside"))
    for folder in (source / "both", source / "tree", target / "both", target / "file", outside):
        folder.mkdir(parents=True)
    (source / "file").write_text("new")
    (source / "tree" / "in").write_text("in")
    (target / "both" / "kept").write_text("kept")
    (target / "tree").symlink_to(outside)
    unpacked(packed(source, tmp_path / "parcel"), target)
    assert [name for name, *_ in listing(target)] == ["both", "both/kept", "file", "tree", "tree/in"]
    assert not list(outside.iterdir())


DIRECTORY = (0o755, 0)


@pytest.mark.parametrize(
    "records",
    [
        [(b"f", [b"../out", 0o644, 0, 1]), (b"x", [0, b"x"]), (b"e", [])],
        [(b"f", [b"..", 0o644, 0, 1])],
        [(b"f", [b"/out", 0o644, 0, 1])],
        [(b"f", [b"", 0o644, 0, 1])],
        [(b"d", [b"..", *DIRECTORY])],
        [(b"d", [b"a/b", *DIRECTORY])],
        [(b"l", [b"link", b"OUTSIDE", 0]), (b"d", [b"link/in", *DIRECTORY])],
        [(b"u", [])],
        [(b"d", [b"a", *DIRECTORY])],
        [(b"q", [b"a"])],
        [(b"f", [b"a", b"mode", 0, 1])],
        [(b"f", [b"a"])],
    ],
)
def test_what_leads_out_is_no_parcel(tmp_path: Path, records: list[Record]) -> None:
    """Names that lead elsewhere, and records that make no tree, are refused, and nothing lies outside."""
    target = tmp_path / "around" / "target"
    target.mkdir(parents=True)
    with pytest.raises(parcel.Spoiled):
        unpacked(written(tmp_path / "parcel", *records), target)
    assert [path.name for path in (tmp_path / "around").iterdir()] == ["target"]


def test_a_link_in_a_parcel_is_not_gone_through(tmp_path: Path) -> None:
    """A directory of the same name as a link that came before replaces the link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    records = [
        (b"l", [b"link", os.fsencode(outside), 0]),
        (b"d", [b"link", *DIRECTORY]),
        (b"f", [b"in", 0o644, 0, 1]),
        (b"x", [0, b"x"]),
        (b"e", []),
        (b"u", []),
    ]
    target = unpacked(written(tmp_path / "parcel", *records), tmp_path / "target")
    assert (target / "link" / "in").read_text() == "x"
    assert not list(outside.iterdir())


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-20], lambda _: b"nonsense", lambda data: data[:20] + b"\xff" * 20 + data[40:]]
)
def test_half_a_parcel_is_none(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    """One that was cut off or changed on its way is refused."""
    (tmp_path / "source" / "folder").mkdir(parents=True)
    (tmp_path / "source" / "folder" / "file").write_bytes(os.urandom(1000))
    (tmp_path / "parcel").write_bytes(spoil(packed(tmp_path / "source", tmp_path / "whole").read_bytes()))
    with pytest.raises(parcel.Spoiled):
        unpacked(tmp_path / "parcel", tmp_path / "target")
