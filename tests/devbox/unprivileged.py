"""Runs the tests of devboxes once more as a user without privileges.

Where the repository or its environment lies below a folder that is closed to other users (`/root`, a clone of mode
700), such a user can read none of it. So everything that the tests need is laid out again in a folder open to all, by
hard links where that is possible: the package, these tests, and the distributions that they and pytest stand on.
"""

import importlib.metadata
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_PLUGINS = ("asyncio", "timeout")
"""The plugins of pytest that these tests need, by the names that they go by; others take long to load."""
NOBODY = 65534
"""The user and group of last resort on every Linux, used where no user has the name `nobody`."""


class Impossible(Exception):
    """The tests can't be run as another user here; the message says what is missing."""


@dataclass(frozen=True)
class Session:
    """How one run of pytest went."""

    status: int
    output: str


@dataclass(frozen=True)
class Copy:
    """The repository and what it stands on, readable by everyone."""

    root: Path
    python: str
    uid: int
    gid: int

    def run_tests(self, tests: Sequence[Path | str], *, timeout_seconds: float, options: Sequence[str] = ()) -> Session:
        """Runs some tests of the repository, files or node ids relative to it, as the other user.

        Raises:
            Impossible: They can't be run as that user.
        """
        own = Path(tempfile.mkdtemp(prefix="user-", dir=self.root))
        os.chown(own, self.uid, self.gid)
        # -S keeps out what this interpreter has installed itself, so that only the copies are imported.
        argv = [self.python, "-S", "-m", "pytest", "-o", "addopts=--strict-markers --strict-config -ra", "--color=no"]
        argv += [option for plugin in _PLUGINS for option in ("-p", plugin)]
        argv += ["-p", "no:cacheprovider", f"--basetemp={own}/pytest", *options, *map(str, tests)]
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(own),
            "TMPDIR": str(own),
            "PYTHONPATH": str(self.root / "site"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": f"{own}/hypothesis",
        }
        try:
            done = subprocess.run(
                argv,
                cwd=self.root / "repository",
                env=environment,
                user=self.uid,
                group=self.gid,
                extra_groups=[],
                umask=0o022,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            output = (error.output or b"").decode(errors="replace")
            return Session(-1, f"{output}\nNot done after {timeout_seconds} s.")
        except PermissionError as error:
            raise Impossible(f"Root can't start a process as user {self.uid} here: {error}.") from error
        return Session(done.returncode, done.stdout.decode(errors="replace"))


@contextmanager
def readable_copy() -> Iterator[Copy]:
    """Lays out a copy for another user, and deletes it in the end.

    Raises:
        Impossible: No place or no interpreter is open to other users.
    """
    try:
        account = pwd.getpwnam("nobody")
        uid, gid = account.pw_uid, account.pw_gid
    except KeyError:
        uid = gid = NOBODY
    root = Path(tempfile.mkdtemp(prefix="runloop-mcp-unprivileged-", dir=_open_folder()))
    try:
        _copy_tree(REPOSITORY / "runloop_mcp", root / "repository" / "runloop_mcp")
        _copy_tree(REPOSITORY / "tests" / "devbox", root / "repository" / "tests" / "devbox")
        for path in (*(REPOSITORY / "tests").glob("*.py"), REPOSITORY / "pyproject.toml"):
            _copy_file(path, root / "repository" / path.relative_to(REPOSITORY))
        (root / "site").mkdir()
        (root / "site" / "runloop_mcp").symlink_to(root / "repository" / "runloop_mcp")
        for distribution in _needed():
            _copy_distribution(distribution, root / "site")
        for folder, _, _ in os.walk(root):
            Path(folder).chmod(0o755)
        yield Copy(root, _open_interpreter(), uid, gid)
    finally:
        subprocess.run(["rm", "-rf", "--", root], check=True)


def _open_to_all(path: Path) -> bool:
    """Whether another user can get to a path and read it, and run it where it is a program."""
    if not path.exists():
        return False
    folders = [path, *path.parents] if path.is_dir() else list(path.parents)
    return all(folder.stat().st_mode & 0o001 for folder in folders) and (
        path.is_dir() or path.stat().st_mode & 0o005 == 0o005
    )


def _open_folder() -> Path:
    """A folder for temporary files that other users can get to."""
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    for folder in candidates:
        if _open_to_all(folder) and os.access(folder, os.W_OK):
            return folder.resolve()
    raise Impossible(f"No folder for temporary files is open to other users: tried {', '.join(map(str, candidates))}.")


def _open_interpreter() -> str:
    """A Python of this minor version that other users can run: this one, or the system's."""
    version = sys.version_info[:2]
    this = Path(sys.executable).resolve()
    library = Path(os.__file__).resolve()
    if _open_to_all(this) and _open_to_all(library.parent):
        return str(this)
    system = Path("/usr/bin/python3")
    show = "import sys; print(*sys.version_info[:2])"
    if _open_to_all(system.resolve()):
        found = subprocess.run(
            [system, "-I", "-S", "-c", show], capture_output=True, text=True, check=False
        ).stdout.split()
        if found == [str(part) for part in version]:
            return str(system)
    wanted = ".".join(map(str, version))
    raise Impossible(
        f"The tests run on {this}, which other users can't run, and /usr/bin/python3 is no Python {wanted}. "
        f"Make the environment from a Python {wanted} outside closed folders, e.g. `/usr/bin/python{wanted} -m venv`."
    )


def _needed() -> list[Distribution]:
    """What the package requires, pytest, the plugins that are used, and what all of these require in turn."""
    names = ["runloop-mcp", "pytest", "hypothesis", *(f"pytest-{plugin}" for plugin in _PLUGINS)]
    found: dict[str, Distribution] = {}
    while names:
        name = re.sub(r"[-_.]+", "-", names.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or another Python
        required = [text for text in found[name].requires or () if "extra ==" not in text]
        names += [match[0] for text in required if (match := re.match(r"[\w.-]+", text))]
    return list(found.values())


def _copy_distribution(distribution: Distribution, site: Path) -> None:
    """Copies the files of a distribution that lie in its site-packages; what links elsewhere is left out."""
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." not in file.parts and file.suffix != ".pth" and source.is_file():
            _copy_file(source, site / file)


def _copy_tree(source: Path, target: Path) -> None:
    """Copies a folder of the repository, with what was compiled: the other user can keep nothing there."""
    for folder, _, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(parents=True, exist_ok=True)
        for name in files:
            _copy_file(Path(folder) / name, here / name)


def _copy_file(source: Path, target: Path) -> None:
    """Makes a file readable in another place: a hard link where everyone may read it already, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    if source.stat().st_mode & 0o004:
        try:
            target.hardlink_to(source)
        except OSError:  # another file system, or one without hard links
            pass
        else:
            return
    shutil.copy2(source, target)
    target.chmod(target.stat().st_mode | 0o444)
