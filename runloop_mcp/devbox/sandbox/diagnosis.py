"""Why a box does not boot here, and how to mend it: told from the step that failed, and from the host's settings."""

import errno
from pathlib import Path

_DENIED = (errno.EPERM, errno.EACCES)
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_CLONE = Path("/proc/sys/kernel/unprivileged_userns_clone")
_MOST = Path("/proc/sys/user/max_user_namespaces")


def explain(number: int, message: str) -> tuple[str, str]:
    """What is missing, and the remedy, for a boot that failed.

    Args:
        number: The error's number; 0 where there was none.
        message: What the keeper or the supervisor said, which names the step.
    """
    if _setting(_MOST) == "0":
        return "user namespaces are switched off", "As root: sysctl -w user.max_user_namespaces=15000"
    if _setting(_CLONE) == "0":
        return (
            "unprivileged user namespaces are switched off",
            "As root: sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if number in _DENIED and _setting(_APPARMOR) == "1":
        return (
            "AppArmor keeps unprivileged programs from using user namespaces (Ubuntu 23.10 and later)",
            "As root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run the server as root",
        )
    for step, numbers, found, remedy in _STEPS:
        if step in message and (not numbers or number in numbers):
            return f"{found} ({message})", remedy
    return message or "the devbox ended while it booted", "Look into the kernel's log (dmesg) for the reason."


CONTAINER_OPTIONS = (
    "-v runloop-state:/state --cap-drop ALL --security-opt no-new-privileges --security-opt seccomp=seccomp.json "
    "--security-opt apparmor=unconfined --security-opt systempaths=unconfined"
)
"""What lets a container make devboxes that are isolated in full; the profile lies in docker/ and in the image."""

_CONTAINER = (
    f"In a container, start it so: docker run -i --rm {CONTAINER_OPTIONS} runloop-mcp. The profile comes with the "
    "image: docker run --rm --entrypoint cat runloop-mcp /usr/local/share/runloop-mcp/seccomp.json > seccomp.json."
)
_STEPS: tuple[tuple[str, tuple[int, ...], str, str], ...] = (
    ("unshare", (errno.EINVAL, errno.ENOSYS), "the kernel has no user namespaces", "Use a kernel with CONFIG_USER_NS."),
    (
        "unshare",
        (errno.ENOSPC, errno.EUSERS),
        "no more namespaces are allowed",
        "As root: raise user.max_user_namespaces, or end devboxes.",
    ),
    ("unshare", _DENIED, "making namespaces is forbidden", _CONTAINER),
    ("_map", _DENIED, "mapping users into a namespace is forbidden", _CONTAINER),
    ("setres", (), "the user that devboxes run as does not exist in this container", "Run the server as a plain user."),
    ("mount proc", _DENIED, "a fresh /proc is forbidden, as in a container that hides parts of its own", _CONTAINER),
    (
        "mount overlay",
        (errno.EINVAL, errno.ENODEV, errno.EPERM, errno.EOPNOTSUPP),
        "the file system of the state folder takes no overlay, or the kernel is older than 5.11",
        "Keep the state folder on ext4, xfs, btrfs or tmpfs (in a container: on a volume): --state-dir.",
    ),
    ("mount_setattr", (errno.ENOSYS,), "the kernel is older than 5.12", "Use a later kernel."),
    ("mount", _DENIED, "mounting is forbidden", _CONTAINER),
    (
        "RLIMIT_LOCKS",
        (),
        "the limit on file locks is not unlimited, by which devboxes tell their processes apart",
        "Start the server with `ulimit -x unlimited` (in a container: --ulimit locks=-1).",
    ),
    ("seccomp", (), "the kernel takes no system call filter", "Use a kernel with CONFIG_SECCOMP_FILTER."),
)


def _setting(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
