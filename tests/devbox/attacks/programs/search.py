"""Looks for words everywhere: `search.py WORDS` prints the places where one of them can be read.

Files of all places but the installed system, the environment and arguments of all processes, every link of procfs,
every open descriptor, and the mount table.
"""

import json
import os
import stat
import sys

WORDS = [word.encode() for word in json.loads(sys.argv[1])]
SYSTEM = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sys"}
OF_A_PROCESS = ("environ", "cmdline", "maps", "mountinfo", "comm", "wchan", "stack", "cwd", "exe", "root", "auxv")
PART = 1 << 20
found = []


def look(place: str, data: bytes) -> None:
    """Notes the place where one of the words is in the data."""
    if any(word in data for word in WORDS):
        found.append(place)


def look_into(path: str) -> None:
    """Reads a path as a file or a link."""
    try:
        if os.path.islink(path):
            look(path, os.readlink(path).encode(errors="surrogateescape"))
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
            look(path, os.read(descriptor, PART))
    except OSError:
        pass
    finally:
        os.close(descriptor)


def walk(folder: str) -> None:
    """Looks into all files below a folder."""
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if os.path.join(here, name) not in SYSTEM]
        for name in [*files, *folders]:
            path = os.path.join(here, name)
            look(path, path.encode(errors="surrogateescape"))
            if name in files or os.path.islink(path):
                look_into(path)


walk("/")
for process in filter(str.isdigit, os.listdir("/proc")):
    if process == str(os.getpid()):
        continue  # it has the words among its arguments
    for name in OF_A_PROCESS:
        look_into(f"/proc/{process}/{name}")
    for folder in ("fd", "root", "cwd", "map_files", "task"):
        try:
            names = os.listdir(f"/proc/{process}/{folder}")
        except OSError:
            continue
        look(f"/proc/{process}/{folder}", "\n".join(names).encode(errors="surrogateescape"))
        for name in names:
            look_into(f"/proc/{process}/{folder}/{name}")
for descriptor in range(3, 4096):
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        look(f"descriptor {descriptor}", os.read(descriptor, PART))
    except OSError:
        continue
look("the own environment", repr(os.environ).encode())
look_into("/proc/self/mountinfo")
look_into("/proc/self/environ")
json.dump(found, sys.stdout)
