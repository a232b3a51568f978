"""A small system for containers, made of this machine's own files: no registry, no mirror, no network."""

import subprocess
import sysconfig
import tarfile
from collections.abc import Iterable
from importlib.metadata import files
from pathlib import Path

_PROGRAMS = """
bash sh env fallocate pgrep
ls cat cp mv rm mkdir rmdir mkfifo ln chmod chown touch head tail sort uniq wc tr cut tee stat
date seq sleep true false test [ id whoami hostname pwd dirname basename readlink realpath mktemp truncate dd
df du timeout nohup kill grep sed find xargs tar gzip diff patch cmp getent which setsid stty ps od md5sum
sha256sum printf echo expr uname yes comm paste split fold nproc awk mawk unshare mount umount su git python3
python3.11 flock nl
"""
_PYTEST = ("pytest", "pluggy", "iniconfig", "packaging", "Pygments")
_LEFT_OUT = {"test", "tests", "idle_test", "lib2to3", "tkinter", "turtledemo", "idlelib", "ensurepip", "pydoc_data"}
_LEFT_OUT |= {"distutils", "wsgiref", "xmlrpc"}
_FOR_EXTENSIONS = "config-"
"""Begins the name of the folder with what extensions are linked with: a third of all there is."""
_GRAMMARS = {"__init__", "_mapping", "diff", "python", "special"}
_OTHER_FILES = (
    "/etc/nsswitch.conf",
    "/etc/ld.so.conf",
    "/etc/alternatives/which",
    "/etc/alternatives/awk",
    "/usr/bin/which.debianutils",
)
_NSS = ("libnss_files.so.2", "libnss_dns.so.2")
_ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "os-release": 'ID=runloop-mcp-test\nNAME="made of the files of a machine"\n',
}


def write(archive: Path, scratch: Path) -> None:
    """Makes the archive of a root file system; `scratch` is an empty folder."""
    files = {path: _name_of(path) for path in sorted(_system_files())}
    with tarfile.open(archive, "w") as tar:
        # Each directory by itself: what is left out, engines make as they like.
        parents = {str(parent): 0o755 for name in files.values() for parent in Path(name).parents}
        for name, mode in sorted({**parents, **dict(_directories())}.items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for name in ("bin", "sbin", "lib", "lib64"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(entry)
        for path, name in files.items():
            tar.add(path, name, recursive=False)
        for name, content in _ACCOUNTS.items():
            (scratch / name).write_text(content)
            tar.add(scratch / name, f"etc/{name}", filter=_of_root)
        _add_pytest(tar, scratch)


def _name_of(path: Path) -> str:
    return f"usr/{path.relative_to('/usr')}" if path.is_relative_to("/usr") else str(path)[1:]


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _directories() -> list[tuple[str, int]]:
    plain = "usr usr/bin usr/sbin usr/lib usr/lib64 usr/local usr/local/bin usr/local/lib etc var var/lib run home root"
    plain += " proc sys dev opt srv mnt"
    return [*((name, 0o755) for name in plain.split()), ("tmp", 0o1777), ("var/tmp", 0o1777)]


def _system_files() -> set[Path]:
    """Programs, the libraries that they and Python's modules load, and the standard library."""
    found: set[Path] = set()
    programs = [Path(folder) / name for folder in ("/usr/bin", "/usr/sbin") for name in _PROGRAMS.split()]
    start = [path for path in programs if path.exists()]
    start += [Path(path) for path in _OTHER_FILES if Path(path).exists()]
    library = Path("/usr/lib/python3.11")
    start += [path for path in library.rglob("*") if path.is_file() and not _is_left_out(path.relative_to(library))]
    core = Path("/usr/lib/git-core")
    start += [core / name for name in ("git-sh-setup",) if (core / name).exists()]
    start += [path for path in Path("/usr/share/git-core/templates").rglob("*") if path.is_file()]
    start += [path for name in _NSS for path in Path("/usr/lib").glob(f"*/{name}")]
    for path in start:
        _add_with_target(path, found)
    for path in _libraries(path for path in set(found) if path.is_file() and _is_program(path)):
        _add_with_target(path, found)
    return found


def _is_left_out(path: Path) -> bool:
    return path.parts[0].startswith(_FOR_EXTENSIONS) or not _LEFT_OUT.isdisjoint(path.parts)


def _add_with_target(path: Path, found: set[Path]) -> None:
    """A file and, where it is a link, what it leads to, by the names below /usr that they have there."""
    folder = path.parent.resolve()
    here = folder / path.name
    found.add(here)
    if here.is_symlink():
        _add_with_target(here.parent / here.readlink(), found)


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _libraries(programs: Iterable[Path]) -> set[Path]:
    # What `ldd` does for one, which is a script of a dozen processes.
    (loader,) = (path for path in _paths(_said("ldd", "/bin/bash")) if path.name.startswith("ld-"))
    return {loader, *(path for program in programs for path in _paths(_said(loader, "--list", program)))}


def _said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _paths(text: str) -> list[Path]:
    return [Path(word) for word in text.split() if word.startswith("/") and Path(word).exists()]


def _add_pytest(tar: tarfile.TarFile, scratch: Path) -> None:
    """The test runner, from this Python's own packages."""
    target = "usr/local/lib/python3.11/dist-packages"
    base = Path(sysconfig.get_path("purelib"))
    for package in _PYTEST:
        for file in files(package) or ():
            located = Path(str(file.locate())).resolve()
            if located.is_relative_to(base) and not _is_seldom_used(located.relative_to(base)):
                tar.add(located, f"{target}/{located.relative_to(base)}", filter=_of_root)
    (scratch / "pytest").write_text("#!/usr/bin/python3\nimport sys\nimport pytest\nsys.exit(pytest.main())\n")
    (scratch / "pytest").chmod(0o755)
    tar.add(scratch / "pytest", "usr/local/bin/pytest", filter=_of_root)


def _is_seldom_used(path: Path) -> bool:
    """Bytecode, and the grammars of languages that pytest shows no sources in: two hundred files."""
    of_grammar = path.parts[:2] == ("pygments", "lexers") and path.stem not in _GRAMMARS
    return of_grammar or "__pycache__" in path.parts
