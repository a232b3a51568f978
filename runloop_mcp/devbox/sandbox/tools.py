"""What every box gets beside the host's programs: pytest, `python` where the host has none, and the box's own code.

Built once for each combination of versions into `tools/<key>/` of the driver's folder:

    guarded/      bash, which nobody may read, so that nobody in a box can look into one that runs
    inside/       the keeper's and the supervisor's code, compiled for the Python that boxes run
    local/…       laid over the host's /usr/local, or over the directories that this Python looks in

The copies come from the installed distributions; nothing is downloaded. No PYTHONPATH is needed, which
`python -I` would ignore.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runloop_mcp.api.errors import Unavailable

from .launch import PYTHON

if TYPE_CHECKING:
    import importlib.metadata

_DISTRIBUTIONS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
_LAYOUT = "2"
_BASH = Path("/bin/bash")
_BUILD_SECONDS = 120
_ASK = (
    "import sys, site, json; "
    "print(json.dumps([list(sys.version_info[:3]), sys.implementation.cache_tag, site.getsitepackages()]))"
)
_SELDOM_USED = r"pygments/(lexers|styles|formatters)/"
_COMMAND = "#!{python}\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
_LOCAL = Path("/usr/local")
LAID_OVER = frozenset({"pytest", "python"})
"""The commands that boxes may have though the host has not."""
_VISIBLE = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin")
"""The host's directories that a box sees, read-only."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What was built."""

    code: Path
    """The folder that holds `inside`."""
    overlays: tuple[tuple[str, str], ...]
    """Which directories of the box get a layer on top: (name without leading slash, layer in the driver's folder)."""
    guarded: str
    """The folder of programs that can be run and not be read, in the driver's folder."""
    python: str
    """The version of the Python that boxes run."""
    held: int
    """Open and locked, shared: what a server that lives holds is not discarded. Its taker closes it."""
    problem: str = ""
    """Why there is no pytest among them; empty where there is."""


def visible_directories() -> tuple[list[str], list[tuple[str, str]]]:
    """The host's system directories: which to mount, and which are links (name, target)."""
    binds, links = [], []
    for path in _VISIBLE:
        if Path(path).is_symlink():
            links.append((path[1:], str(Path(path).readlink())))
        elif Path(path).is_dir():
            binds.append(path[1:])
    return binds, links


def build(folder: Path) -> Tools:
    """Builds the tools, or finds them built.

    Args:
        folder: The driver's `tools` folder, which several servers may share.

    Raises:
        Unavailable: There is no usable Python for boxes.
    """
    version, tag, site = _ask_python(folder)
    places, problem = _places(site)
    found = _distributions()
    missing = [name for name in _DISTRIBUTIONS if name not in found]
    if missing:
        problem = f"not installed beside the server, with a list of files: {', '.join(missing)}"
    key = _key(version, tag, site, found)
    target = folder / key
    while (held := _held(target)) is None:
        fresh = folder.parent / "trash" / f"tools-{os.getpid()}-{secrets.token_hex(8)}"
        try:
            fresh.mkdir(mode=0o755)
            _build_into(fresh, target, places if not problem else {}, found)
            fresh.rename(target)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            if not target.is_dir():  # else another server was faster
                raise Unavailable(
                    f"The tools of devboxes cannot be built: {error}.",
                    hint="Look for space and rights in the state folder.",
                ) from error
    overlays = [] if problem else [(name, f"tools/{key}/{layer}") for name, layer in places["overlays"].items()]
    return Tools(target, tuple(overlays), f"tools/{key}/guarded", ".".join(map(str, version)), held, problem)


def current_key(folder: Path) -> str:
    """The name of the tools that devboxes of this version have, whether they are built or not.

    Raises:
        Unavailable: There is no usable Python for boxes.
    """
    return _key(*_ask_python(folder), _distributions())


def _held(target: Path) -> int | None:
    """Takes hold of tools that are built; None where they are not, or were discarded a moment ago."""
    try:
        opened = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    fcntl.flock(opened, fcntl.LOCK_SH)
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(opened), target.stat()):
            return opened
    os.close(opened)
    return None


def _ask_python(folder: Path) -> tuple[list[int], str, list[str]]:
    """Version, bytecode's tag and package directories of the boxes' Python; asked once for each installed one."""
    try:
        about = Path(PYTHON).stat()
        known = folder / f"python-{about.st_dev}-{about.st_ino}-{about.st_mtime_ns}-{about.st_size}.json"
        if not known.is_file():
            _note(known, _run_python())
        version, tag, site = json.loads(known.read_text(encoding="utf-8"))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable(
            f"Local devboxes run {PYTHON}, which does not work here ({type(error).__name__}).",
            hint="Install it with the system's package manager: apt install python3.",
        ) from error
    if version < [3, 9]:
        raise Unavailable(
            f"{PYTHON} is {version[0]}.{version[1]}; local devboxes need 3.9 or later.", hint="Install a later python3."
        )
    return version, tag, site


def _run_python() -> bytes:
    return subprocess.run(
        [PYTHON, "-I", "-c", _ASK], env={}, capture_output=True, check=True, timeout=30, stdin=subprocess.DEVNULL
    ).stdout


def _note(known: Path, content: bytes) -> None:
    fresh = known.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}")
    fresh.write_bytes(content)
    fresh.rename(known)


def _places(site: list[str]) -> tuple[dict[str, dict[str, str]], str]:
    """Where packages and commands go: which directories get an overlay, and what lies where in which layer."""
    packages = next((Path(path) for path in site if path.startswith("/usr/")), None)
    if packages is None:
        return {}, f"{PYTHON} looks for packages nowhere below /usr"
    overlays: dict[str, str] = {}
    inside: dict[str, str] = {}
    for purpose, wanted in (("packages", packages), ("commands", _LOCAL / "bin")):
        base = _LOCAL if _LOCAL in wanted.parents and _is_real(_LOCAL) else _existing(wanted)
        layer = overlays.setdefault(str(base)[1:], f"layer-{len(overlays)}")
        inside[purpose] = str(Path(layer) / wanted.relative_to(base))
    return {"overlays": overlays, "inside": inside}, ""


def _is_real(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if _is_real(parent) and parent.resolve() == parent)


def _distributions() -> dict[str, "importlib.metadata.Distribution"]:
    import importlib.metadata  # noqa: PLC0415 - 10 ms that only a server's first devbox needs

    found = {}
    for name in _DISTRIBUTIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            distribution = importlib.metadata.distribution(name)
            if distribution.read_text("RECORD") is not None:
                found[name] = distribution
    return found


def _key(version: list[int], tag: str, site: list[str], found: dict[str, "importlib.metadata.Distribution"]) -> str:
    content = hashlib.sha256("\0".join([_LAYOUT, *map(str, version), tag, *site]).encode())
    for name, distribution in found.items():
        # Its paths have the version; to ask for that parses the metadata, which takes longer than all else here.
        content.update(f"{name}\0{distribution.read_text('RECORD')}".encode())
    for path in _sources():
        content.update(path.read_bytes())
    if _BASH.is_file():
        about = _BASH.stat()
        content.update(f"{about.st_size} {about.st_mtime_ns}".encode())
    return content.hexdigest()[:32]


def _sources() -> list[Path]:
    return sorted((Path(__file__).parent / "inside").glob("*.py"))


def _build_into(
    fresh: Path,
    target: Path,
    places: dict[str, dict[str, str]],
    found: dict[str, "importlib.metadata.Distribution"],
) -> None:
    code = fresh / "inside"
    code.mkdir()
    for path in _sources():
        shutil.copyfile(path, code / path.name)
    _compile(code, str(fresh), str(target))
    guarded = fresh / "guarded"
    guarded.mkdir()
    if _BASH.is_file():
        shutil.copyfile(_BASH, guarded / "bash")
        (guarded / "bash").chmod(0o111)
    guarded.chmod(0o711)
    if not places:
        return
    inside = places["inside"]
    packages = fresh / inside["packages"]
    for distribution in found.values():
        _copy_distribution(distribution, packages)
    layer = inside["packages"].split("/")[0]
    base = next(base for base, name in places["overlays"].items() if name == layer)
    _compile(packages, str(fresh / layer), f"/{base}")
    commands = fresh / inside["commands"]
    commands.mkdir(parents=True, exist_ok=True)
    for entry in found["pytest"].entry_points.select(group="console_scripts", name="pytest"):
        script = _COMMAND.format(python=PYTHON, module=entry.module, function=entry.attr)
        (commands / "pytest").write_text(script, encoding="utf-8")
        (commands / "pytest").chmod(0o755)
    if not any(Path(f"/usr/{place}/python").exists() for place in ("local/bin", "bin")):
        (commands / "python").symlink_to(PYTHON)
    for layer in places["overlays"].values():
        _open_to_all(fresh / layer)
    fresh.chmod(0o711)


def _copy_distribution(distribution: "importlib.metadata.Distribution", target: Path) -> None:
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." in file.parts or file.suffix == ".pyc" or not source.is_file():
            continue
        new = target / file
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, new)


def _compile(folder: Path, strip: str, prepend: str) -> None:
    """Compiles once, for good: bytecode that no box has to check against its source."""
    subprocess.run(
        [PYTHON, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-x", _SELDOM_USED,
         "-s", strip, "-p", prepend, str(folder)],
        env={}, check=True, timeout=_BUILD_SECONDS, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def _open_to_all(folder: Path) -> None:
    """Lets the box's user read a layer, whatever the server's umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def own_places(state: Path) -> list[str]:
    """What is ours below the directories that a box sees: this package, with its hidden tests, and the state folder."""
    here = Path(__file__).resolve().parents[3]
    found = {str(here / "runloop_mcp"), str(state)}
    if (here / "pyproject.toml").is_file():  # an editable install: its tests and repository as well
        found.add(str(here))
    for site in {str(here), *site_directories("/usr")}:
        for pattern in ("runloop_mcp*", "__editable__*runloop_mcp*", "_runloop_mcp*"):
            found.update(map(str, Path(site).glob(pattern)))
    for metadata in [path for path in found if path.endswith(".dist-info")]:
        found.update(_editable_source(metadata))
    places = {os.path.realpath(path) for path in found}
    return sorted(path for path in places if any(path.startswith(f"{top}/") for top in _VISIBLE))


def site_directories(usr: str) -> set[str]:
    """The directories of packages that a box can see: of the system, and of environments made below /usr.

    Args:
        usr: Where that is.
    """
    prefixes = [usr]
    for top, levels in ((f"{usr}/local", 3), (f"{usr}/share", 1), (f"{usr}/lib", 1), (f"{usr}/src", 1)):
        below = [top]
        prefixes += below
        for _ in range(levels):
            below = [path for parent in below for path in _folders_in(parent)]
            prefixes += below
    found: set[str] = set()
    for prefix in prefixes:
        for library in (f"{prefix}/lib", f"{prefix}/lib64"):
            versions = [path for path in _folders_in(library) if path.startswith(f"{library}/python3")]
            places = [f"{version}/{kind}" for version in versions for kind in ("site-packages", "dist-packages")]
            found.update(filter(os.path.isdir, places))
    return found


def _folders_in(path: str) -> list[str]:
    """The folders in one, and what links lead to; none where it is not there or can't be read."""
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if _is_folder(entry)]
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle, or where this user may not look
        return False


def missing_programs(names: Iterable[str], path: str, tools: Tools | None = None) -> list[str]:
    """Which programs a box would not find; looks at the host's files, which are the box's.

    Without `tools`, what they lay over the host's files is missing too.
    """
    layers = [(f"/{base}", tools.code.parents[1] / layer) for base, layer in tools.overlays] if tools else []
    return [name for name in names if not any(_is_there(f"{folder}/{name}", layers) for folder in path.split(":"))]


def _is_there(path: str, layers: list[tuple[str, Path]]) -> bool:
    places = [Path(path)] + [layer / path[len(base) + 1 :] for base, layer in layers if path.startswith(f"{base}/")]
    for place in places:
        with contextlib.suppress(OSError):
            mode = place.stat().st_mode
            # In most places there is nothing, which one look tells; where a link leads costs many.
            if not (stat.S_ISREG(mode) and mode & 0o001):
                continue
            if place != places[0] or any(str(place.resolve()).startswith(f"{top}/") for top in _VISIBLE):
                return True
    return False


def _editable_source(metadata: str) -> list[str]:
    with contextlib.suppress(OSError, ValueError):
        about = json.loads((Path(metadata) / "direct_url.json").read_text(encoding="utf-8"))
        if about.get("dir_info", {}).get("editable"):
            return [about["url"].removeprefix("file://")]
    return []
