"""A machine with Debian's own kernel, emulated: for what the kernel of the machine that tests run on was built without.

It shows this machine's files, read-only, and at `/mnt` a disk of its own, mounted with project quotas. Needs root and a
mirror of apt in reach.
"""

import os
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

DISK = "/mnt"
_PROGRAMS = {
    "qemu-system-x86": "/usr/bin/qemu-system-x86_64",
    "busybox-static": "/bin/busybox",
    "kmod": "/sbin/modprobe",
    "cpio": "/usr/bin/cpio",
    "xfsprogs": "/sbin/mkfs.xfs",
}
_MODULES = ("virtio_pci", "virtio_blk", "9pnet_virtio", "9p", "crc32c_generic", "ext4", "xfs", "overlay", "quota_v2")
_MAKE = {"ext4": ["mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota"], "xfs": ["mkfs.xfs", "-q"]}
_DISK_BYTES = 1 << 30
_INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done < /order
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /new
for each in proc sys dev; do mount --move /$each /new/$each; done
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts devpts /new/dev/pts
mount -t tmpfs -o mode=1777 tmpfs /new/dev/shm
mount -t tmpfs tmpfs /new/run
ip link set lo up
mount -t {file_system} -o prjquota /new/dev/vda /new{disk}
cp /work /new/run/work
exec switch_root /new /bin/bash /run/work
"""
_WORK = """\
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME={disk} TMPDIR={disk} LANG=C.UTF-8
export PYTHONDONTWRITEBYTECODE=1
chmod 1777 {disk}
{command} < /dev/null
echo "{ended} $?"
sync
echo o > /proc/sysrq-trigger
while :; do :; done
"""
_ENDED = "the command ended with"


def run_with_quotas(command: list[str], folder: Path, *, file_system: str, timeout_seconds: float) -> tuple[int, str]:
    """Runs a command in the machine, as root.

    Args:
        command: The command, by absolute paths.
        folder: An empty folder, for the kernel and the disk.
        file_system: `ext4` or `xfs`.
        timeout_seconds: How long the machine may take.

    Returns:
        The exit status, -1 where the machine did not get so far, and all that the machine's console showed.
    """
    _install_programs()
    kernel = _kernel(folder)
    disk = folder / "disk"
    with disk.open("wb") as image:
        image.truncate(_DISK_BYTES)
    subprocess.run([*_MAKE[file_system], disk], check=True, capture_output=True)
    inside = {"file_system": file_system, "disk": DISK, "command": shlex.join(command), "ended": _ENDED}
    first = _first_files(folder, kernel, _INIT.format(**inside), _WORK.format(**inside))
    image = next((kernel / "boot").glob("vmlinuz-*"))
    machine = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "1536"]
    machine += ["-nographic", "-no-reboot", "-nic", "none", "-kernel", str(image), "-initrd", str(first)]
    machine += ["-append", "console=ttyS0 quiet panic=-1 mitigations=off"]
    machine += ["-drive", f"file={disk},if=virtio,format=raw"]
    machine += ["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]
    done = subprocess.run(machine, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_seconds)
    shown = (done.stdout + done.stderr).decode(errors="replace")
    ended = re.search(rf"{_ENDED} (\d+)", shown)
    return int(ended[1]) if ended else -1, shown


def _install_programs() -> None:
    missing = [package for package, program in _PROGRAMS.items() if not Path(program).exists()]
    if missing:
        _apt(["install", "-y", "-qq", "--no-install-recommends", *missing], Path("/"))


def _kernel(folder: Path) -> Path:
    """Debian's kernel for this release, unpacked but not installed."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], check=True, capture_output=True, text=True)
    package = re.search(r"Depends: (linux-image-\S+)", depends.stdout)
    assert package, depends.stdout
    _apt(["download", "-qq", package[1]], folder)
    unpacked = folder / "kernel"
    subprocess.run(["dpkg-deb", "-x", next(folder.glob("linux-image-*.deb")), unpacked], check=True)
    release = next((unpacked / "lib/modules").iterdir()).name
    subprocess.run(["/sbin/depmod", "-b", unpacked, release], check=True)
    return unpacked


def _apt(arguments: list[str], folder: Path) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        timeout=600,
    )


def _first_files(folder: Path, kernel: Path, init: str, work: str) -> Path:
    """The archive that the kernel begins with: modules, busybox, and what is to be done."""
    first = folder / "first"
    for name in ("bin", "modules", "proc", "sys", "dev", "new"):
        (first / name).mkdir(parents=True)
    shutil.copy(_PROGRAMS["busybox-static"], first / "bin/busybox")
    names = list(dict.fromkeys(module.name for module in _modules(kernel, first / "modules")))
    (first / "order").write_text("\n".join(names) + "\n")
    (first / "work").write_text(work)
    (first / "init").write_text(init)
    (first / "init").chmod(stat.S_IRWXU)
    found = b"\0".join(str(path.relative_to(first)).encode() for path in sorted(first.rglob("*")))
    packed = subprocess.run(
        ["cpio", "-o", "-0", "-H", "newc", "--quiet"], cwd=first, input=found, check=True, capture_output=True
    )
    archive = folder / "first.cpio"
    archive.write_bytes(packed.stdout)
    return archive


def _modules(kernel: Path, target: Path) -> Iterator[Path]:
    """Copies modules, and yields them in the order in which they can be loaded."""
    release = next((kernel / "lib/modules").iterdir()).name
    for name in _MODULES:
        shown = subprocess.run(
            ["/sbin/modprobe", "-d", kernel, "-S", release, "--show-depends", name],
            check=True,
            capture_output=True,
            text=True,
        )
        for line in shown.stdout.splitlines():
            module = Path(line.split()[1])
            if module.name != "crc32c-intel.ko":  # which an emulated processor may not have
                shutil.copy(module, target)
                yield module
