"""Attacks that read what is the host's: files, environment, memory, descriptors, and our own package."""

import importlib.metadata
import os
from pathlib import Path

from boxes import Workshop, python, run, run_program, succeed
from canaries import Secret, program
from driver_cases import DriverCase

import runloop_mcp
from runloop_mcp.devbox.port import Devbox, Files

PRIVATE = (
    "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh", "/root", "/root/.ssh", "/root/.bash_history", "/boot",
    "/var/lib", "/var/log", "/var/run", "/run/secrets", "/home/user/.ssh", "/media", "/mnt", "/lost+found",
    "/proc/kcore", "/proc/kallsyms", "/proc/kmsg", "/proc/sysrq-trigger", "/proc/keys", "/dev/kmsg", "/dev/mem",
    "/sys/kernel/security", "/sys/firmware", "/sys/fs/cgroup/cgroup.procs", "/proc/1/root/etc/shadow", "/proc/1/cwd",
)  # fmt: skip


async def test_a_planted_secret_is_nowhere(secret: Secret, workshop: Workshop, tmp_path: Path) -> None:
    """A search of all files, processes, links, descriptors and mounts finds neither the secret nor its place."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "own").write_text("no secret\n")
    devbox = await workshop.create(files=Files(secret.word[::-1], source))
    words = [secret.word, *(path.name for path in secret.files)]
    assert await run_program(devbox, program("search"), words) == []
    assert secret.untouched()


async def test_the_search_would_find_it(secret: Secret, devbox: Devbox) -> None:
    """The same search finds the secret where it is in the devbox, so that finding none means something."""
    places = f"mkdir ~/deep; echo {secret.word} > ~/deep/file; ln -s /{secret.word} link; sleep 1000 >/dev/null 2>&1 &"
    await succeed(devbox, places, environment={"KEY": secret.word})
    found = await run_program(devbox, program("search"), [secret.word])
    assert {"/home/user/deep/file", "/home/user/work/link"} <= set(found)
    assert any(place.endswith("/environ") for place in found)


async def test_private_places_of_the_host_are_closed(devbox: Devbox) -> None:
    """What hosts keep from their users is not there, empty, or refused: nothing of the host's own can be read."""
    seen = await run_program(devbox, program("read_paths"), PRIVATE)
    for path, text in seen.items():
        assert not text or not _on_host(path) or text not in _on_host(path), f"{path} could be read"


def _on_host(path: str) -> str:
    """What the server's user reads there."""
    try:
        if Path(path).is_dir():
            return "\n".join(entry.name for entry in Path(path).iterdir())
        with Path(path).open("rb") as file:
            return file.read(1 << 20).decode("latin-1")
    except OSError:
        return ""


async def test_accounts_of_the_host_are_not_told(devbox: Devbox) -> None:
    """The users, the host's name and its addresses are the devbox's own inventions."""
    seen = await run_program(
        devbox, program("read_paths"), ["/etc/passwd", "/etc/hosts", "/etc/hostname", "/etc/machine-id"]
    )
    accounts = {line.split(":")[0] for line in seen["/etc/passwd"].splitlines()}
    assert "user" in accounts
    assert accounts <= {"root", "user", "nobody"}
    assert await succeed(devbox, ("hostname",)) != os.uname().nodename
    assert not seen["/etc/machine-id"]


async def test_the_hosts_processes_are_not_seen(devbox: Devbox) -> None:
    """Every process that can be listed is the devbox's own; the server's id means nothing there."""
    listed = await succeed(devbox, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; ls -d /proc/[0-9]* | wc -l")
    assert "pytest" not in listed
    assert int(listed.split()[-1]) < 10


async def test_the_supervisors_secrets_are_closed(secret: Secret, devbox: Devbox) -> None:
    """Environment, descriptors, memory, root and working directory of pid 1 can't be reached from within."""
    names = (
        "environ",
        "fd",
        "fdinfo",
        "root",
        "cwd",
        "exe",
        "mem",
        "maps",
        "map_files",
        "stack",
        "syscall",
        "io",
        "auxv",
        "pagemap",
    )
    paths = [f"/proc/1/{name}" for name in names] + [f"/proc/1/task/1/{name}" for name in names]
    paths += [f"/proc/1/fd/{number}" for number in range(32)] + ["/proc/1/root/etc/passwd"]
    seen = await run_program(devbox, program("read_paths"), paths)
    assert {path: text for path, text in seen.items() if text} == {}
    assert secret.untouched()


async def test_the_supervisors_memory_cannot_be_seized(devbox: Devbox, driver_case: DriverCase) -> None:
    """No debugging call works on pid 1, while each of them works on a child, and the devbox lives on."""
    outcomes = await run_program(devbox, program("seize"), 1)
    assert set(outcomes.values()) <= {"EPERM", "EACCES", "ENOSYS"}, outcomes
    own = await run_program(devbox, program("seize"), None)
    assert own["mem"] == own["ptrace_seize"] == "done", own
    if driver_case.debuggers_copy_memory is not None:
        assert own["process_vm_readv"] == ("done" if driver_case.debuggers_copy_memory else "EPERM"), own
    assert await succeed(devbox, "echo alive") == "alive"


async def test_no_descriptor_is_inherited(secret: Secret, devbox: Devbox) -> None:
    """Descriptors that the server left inheritable are not open in a command."""
    listed = await succeed(devbox, python("import os; print(*sorted(map(int, os.listdir('/proc/self/fd'))))"))
    assert listed == "0 1 2 3", "the fourth is the listing's own"
    assert secret.untouched()


async def test_our_own_package_is_not_there(devbox: Devbox) -> None:
    """The server's package, with its references and hidden tests, can't be imported, listed or opened."""
    ran = await run(devbox, "python3 -c 'import runloop_mcp'")
    assert b"ModuleNotFoundError" in ran.stderr
    package = Path(runloop_mcp.__file__).parent
    places = {str(package), str(package.parent), str(Path(importlib.metadata.__file__).parent / "runloop_mcp")}
    seen = await run_program(
        devbox, program("read_paths"), [f"{place}/__init__.py" for place in places] + [str(package)]
    )
    assert not any(seen.values())
    search = "find / -path /proc -prune -o \\( -name 'runloop[_-]mcp*' -o -name reference.patch \\) -print 2>/dev/null"
    assert (await run(devbox, search)).text == ""


async def test_places_of_sockets_and_kernel_settings_are_closed(devbox: Devbox) -> None:
    """Control sockets of container engines and buses are not there; settings of the kernel can't be changed."""
    for path in (
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/dbus/system_bus_socket",
        "/run/systemd",
    ):
        assert (await run(devbox, ("test", "-e", path))).status == 1, path
    for path in (
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory",
        "/proc/sys/kernel/ns_last_pid", "/sys/kernel/uevent_helper", "/sys/power/state", "/proc/self/uid_map",
        "/proc/1/oom_score_adj", "/proc/sysrq-trigger",
    ):  # fmt: skip
        assert (await run(devbox, f"echo 1 > {path}")).status == 1, path
