"""Unpacks a tar archive into a directory: files, directories and links, none of which leads out of it.

Run as `python3 -I -c <this> ARCHIVE DIRECTORY`. How much it may hold is up to the disk.
"""

import os
import shutil
import sys
import tarfile


def refuse(member: tarfile.TarInfo, why: str) -> None:
    """Ends the program with what is wrong."""
    sys.exit(f"The archive can't be unpacked: {member.name!r} {why}.")


def place_of(root: str, member: tarfile.TarInfo, name: str) -> str:
    """Where something goes, in a directory that is really below the root."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        refuse(member, "leads out of the directory")
    path = os.path.join(root, *parts)
    parent = os.path.realpath(os.path.dirname(path)) if parts else root
    if parent != root and not parent.startswith(root.rstrip("/") + "/"):
        refuse(member, "leads out of the directory")
    return path


def link(root: str, member: tarfile.TarInfo, path: str) -> None:
    """Makes a symbolic link that stays within the directory."""
    # From where it really lies: its parent may be named through another link, from which `..` leads elsewhere.
    target = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(path)), member.linkname))
    if os.path.isabs(member.linkname) or not (target + "/").startswith(root.rstrip("/") + "/"):
        refuse(member, "is a link that leads out of the directory")
    os.symlink(member.linkname, path)


def put(root: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    """Puts one member of the archive."""
    path = place_of(root, member, member.name)
    if member.isdir():
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    if member.issym():
        link(root, member, path)
    elif member.islnk():
        os.link(place_of(root, member, member.linkname), path, follow_symlinks=False)
    elif member.isreg():
        source = archive.extractfile(member)
        with open(path, "xb") as file:
            if source is not None:
                shutil.copyfileobj(source, file, 1024 * 1024)
        os.chmod(path, 0o600 | (member.mode & 0o777))
        os.utime(path, (member.mtime, member.mtime))
    else:
        refuse(member, "is a device or a pipe")


def main(source: str, directory: str) -> None:
    """Unpacks the archive at `source`, however it is compressed."""
    os.makedirs(directory, exist_ok=True)
    root = os.path.realpath(directory)
    try:
        with tarfile.open(source, "r|*") as archive:
            for member in archive:
                put(root, archive, member)
    except (tarfile.TarError, EOFError, OSError) as error:
        sys.exit(f"The archive can't be unpacked: {error}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
