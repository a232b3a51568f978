"""What a box is made of, decided outside: the plan that its keeper and supervisor carry out."""

import contextlib
import os
import posixpath
import re
import resource
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.devbox.port import HOME, DevboxSpec, Network, User

from .cgroups import OWN_PROCESSES
from .disk import Disk, Mounts

if TYPE_CHECKING:
    from .tools import Tools

GUARDED_PLACE = "run/guarded"
"""Where the programs that nobody may read lie in a box."""
_SHARED_MEMORY = 64 << 20
_LEAST_OPEN_FILES = 32  # the supervisor lives under this limit too
_MAX_PATH = 2000
_SPARE_PROCESSES = 64
"""How much later the limit comes that nobody counts, where a control group has one that is counted."""
_USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_NOBODY = 65_534
_SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr")
_LINKS = ("/var/tmp", "/var/run")  # noqa: S108 - inside a devbox

_FILES_OF_ETC = (
    "debian_version", "os-release", "lsb-release", "redhat-release", "alpine-release", "issue", "magic", "mtab",
    "nsswitch.conf", "ld.so.cache", "ld.so.conf", "host.conf", "gai.conf", "services", "protocols", "networks", "rpc",
    "mime.types", "localtime", "timezone", "locale.alias", "login.defs", "shells", "profile", "bash.bashrc", "inputrc",
)  # fmt: skip
_DIRECTORIES_OF_ETC = (
    "alternatives", "ld.so.conf.d", "ssl/certs", "pki/tls/certs", "pki/ca-trust/extracted", "ca-certificates/extracted",
    "terminfo", "perl", "fonts",
)  # fmt: skip
_PATTERNS_OF_ETC = ("python3*", "java-*")
_COPIED_DEEPER = ("ssl/openssl.cnf", "pki/tls/openssl.cnf")

_PASSWD = f"""root:x:0:0:root:/root:/bin/sh
{{name}}:x:{{uid}}:{{uid}}:{{name}}:{HOME}:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP = "root:x:0:\n{name}:x:{uid}:\nnogroup:x:65534:\n"
_HOSTS = "127.0.0.1 localhost devbox\n::1 localhost ip6-localhost ip6-loopback\n"


@dataclass(frozen=True, slots=True)
class System:
    """What is the same for every box of a server."""

    tools: "Tools"
    filter: bytes
    fixed: dict[str, Any] = field(repr=False)
    """The parts of a plan that no devbox changes."""

    @classmethod
    def found(cls, disk: Disk) -> "System":
        """Looks at the host, and builds what is missing; blocks for seconds at its first time.

        Raises:
            Unavailable: Something that devboxes need is missing.
        """
        from . import seccomp  # noqa: PLC0415 - a server's start need not pay for these
        from .tools import build, own_places, visible_directories  # noqa: PLC0415

        secret = secrets.randbits(64)
        try:
            program = seccomp.program(secret)
        except seccomp.MissingLibrary as error:
            raise Unavailable(
                f"Local devboxes need libseccomp 2: {error}.", hint="Install it: apt install libseccomp2."
            ) from error
        tools = build(disk.state / "tools")
        binds, links = visible_directories()
        etc = Path("/etc")
        directories = [etc / name for name in _DIRECTORIES_OF_ETC]
        directories += [path for pattern in _PATTERNS_OF_ETC for path in sorted(etc.glob(pattern))]
        fixed = {
            "filter": program,
            "secret": secret,
            "links": [*links, ("var/tmp", "../tmp"), ("var/run", "../run")],
            "binds": binds + [str(path)[1:] for path in directories if path.is_dir() and os.access(path, os.X_OK)],
            "copies": [f"etc/{name}" for name in (*_FILES_OF_ETC, *_COPIED_DEEPER)],
            "directories": [
                "home",
                "tmp",
                "dev",
                "etc",
                "opt",
                "mnt",
                "srv",
                "run",
                "root",
                "var/lib",
                "var/log",
                "var/cache",
            ],
            "masks": [path[1:] for path in own_places(disk.private)],
            "shared_memory": _SHARED_MEMORY,
        }
        return cls(tools, program, fixed)

    def plan_without_box(self, drop_to: int | None) -> dict[str, Any]:
        """The plan of a keeper that only copies."""
        return {"boot": False, "inside_uid": User().uid, "drop_to": drop_to, "parent": os.getpid()}

    def plan(self, mounts: Mounts, drop_to: int | None, *, processes_in_group: bool) -> dict[str, Any]:
        """The plan of one box; may block.

        Args:
            mounts: Its disk.
            drop_to: The user that it runs as; None where that is the caller.
            processes_in_group: Whether a control group holds it to its number of processes, and counts that.
        """
        spec, user = mounts.spec, mounts.spec.user
        own_network = spec.network is Network.NONE
        files = [
            ("etc/passwd", _PASSWD.format(name=user.name, uid=user.uid)),
            ("etc/group", _GROUP.format(name=user.name, uid=user.uid)),
            ("etc/hosts", _HOSTS),
            ("etc/hostname", "devbox\n"),
        ]
        limit = process_limit(spec.limits.processes, os.geteuid() if drop_to is None else drop_to)
        if own_network:
            files.append(("etc/resolv.conf", ""))
        return {
            **self.fixed,
            "boot": True,
            "copying": mounts.copying,
            "inside_uid": user.uid,
            "copies": self.fixed["copies"] + ([] if own_network else ["etc/resolv.conf"]),
            "files": [(name, text.encode()) for name, text in files],
            "overlays": [(name, [layer]) for name, layer in self.tools.overlays],
            "disks": mounts.disks,
            "read_only": [*mounts.read_only, *([(GUARDED_PLACE, [self.tools.guarded])] if spec.guards else [])],
            "own_network": own_network,
            "limits": _limits(spec, limit + _SPARE_PROCESSES if limit is not None and processes_in_group else limit),
            "drop_to": drop_to,
            "parent": os.getpid(),
        }


def _limits(spec: DevboxSpec, processes: int | None) -> list[tuple[int, int]]:
    limits = [(resource.RLIMIT_CORE, 0)]
    if spec.limits.open_files is not None:
        limits.append((resource.RLIMIT_NOFILE, max(_LEAST_OPEN_FILES, spec.limits.open_files)))
    if processes is not None:
        limits.append((resource.RLIMIT_NPROC, processes))
    return limits


def process_limit(wanted: int | None, user: int) -> int | None:
    """The limit that lets a box have so many processes beside its keeper and its supervisor.

    Since Linux 5.14 the kernel counts a user's processes in each user namespace apart; before, all of them.
    """
    if wanted is None:
        return None
    release = tuple(int(number) for number in os.uname().release.split("-")[0].split(".")[:2] if number.isdigit())
    if release >= (5, 14):
        return wanted + OWN_PROCESSES
    tasks = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if folder.stat().st_uid == user:
                    tasks += sum(1 for _ in (folder / "task").iterdir())
    return wanted + OWN_PROCESSES + tasks


def check_user(user: User) -> None:
    """Raises what keeps a user from being a devbox's.

    Raises:
        InvalidRequest: There can be no such user in a devbox.
    """
    if user.uid == 0 or user.name == "root":
        raise InvalidRequest(
            "A sandbox devbox has no root: its system is read-only, and nobody in it has root's rights.",
            hint="Choose another user, or none: then it is `user`, 1000.",
        )
    if not _USER_NAME.fullmatch(user.name) or user.name == "nobody":
        raise InvalidRequest(
            f"{user.name!r} can't be a devbox's user.",
            hint="A name has up to 32 of a-z, 0-9, _ and -, does not begin with a digit or -, and is not nobody.",
        )
    if not 0 < user.uid < 1 << 31 or user.uid == _NOBODY:
        raise InvalidRequest(
            f"A devbox's user can't have the uid {user.uid}.",
            hint=f"Give one above 0 and below 2^31, but not {_NOBODY}.",
        )


def check_working_directory(path: str) -> str:
    """The path without detours.

    Raises:
        InvalidRequest: A devbox cannot have its working directory there.
    """
    hint = "Give an absolute path outside the system's directories, such as /home/user/work or /srv/app."
    if not path.startswith("/") or "\0" in path or len(os.fsencode(path)) > _MAX_PATH:
        raise InvalidRequest(f"The working directory {path!r} is no usable absolute path.", hint=hint)
    clean = "/" + posixpath.normpath(path).strip("/")
    parts = clean.split("/")
    if ".." in path.split("/") or any(len(os.fsencode(part)) > 255 for part in parts):
        raise InvalidRequest(f"The working directory {path!r} is no plain path.", hint=hint)
    if clean == "/" or parts[1] in _SYSTEM or any(f"{clean}/".startswith(f"{link}/") for link in _LINKS):
        raise InvalidRequest(f"The working directory {clean} is a part of the devbox's read-only system.", hint=hint)
    return clean


def check_read_only(path: str, working_directory: str) -> str:
    """The path without detours, for something that nobody can change.

    Raises:
        InvalidRequest: A devbox cannot have it there: someone could change the way to it, or it would hide their files.
    """
    clean = check_working_directory(path)
    for place in (HOME, working_directory, "/tmp"):  # noqa: S108 - inside a devbox
        if f"{clean}/".startswith(f"{place}/") or f"{place}/".startswith(f"{clean}/"):
            raise InvalidRequest(
                f"{clean} can't be read-only: {place} can be written, and one is in the other.",
                hint="Give a path beside home, working directory and /tmp.",
            )
    return clean
