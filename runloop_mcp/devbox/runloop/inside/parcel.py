"""A directory tree as one file, so that it can be carried from one disk to another.

Not a tar: what is unpacked may have been packed by a hostile hand, and must not reach outside its directory, and files
of holes, hard links and what its own owner has closed are kept. A parcel is a compressed sequence of records: a kind,
the number of its fields, and each field with its length. Trees are walked by descriptors, never through a link.

    d name mode time      a directory begins        u                  it ends
    f name mode time size a file                    x position data    a part of it, until `e`
    l name target time    a symbolic link           p name mode time   a pipe with a name
    k key                 the next file is known by this key
    h name key            another name of that file
"""

from __future__ import annotations

import errno
import os
import stat
import zlib

from runloop_mcp.devbox.sandbox.inside import trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Mode = Callable[[int], int]
    """What becomes of a file's or directory's mode."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
_MOST_FIELD = 2 << 20
_MOST_FIELDS = 5
_LEVEL = 1
_STAGING = b".rlmcp-links"


class Spoiled(OSError):
    """What should be a parcel is none."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.EBADMSG, what)


def _as_it_is(mode: int) -> int:
    return stat.S_IMODE(mode)


# Packing


class _Writer:
    """Writes records."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._squeeze = zlib.compressobj(_LEVEL)

    def record(self, kind: bytes, *fields: bytes | int) -> None:
        texts = [b"%d" % field if isinstance(field, int) else field for field in fields]
        head = kind + bytes([len(texts)]) + b"".join(len(text).to_bytes(4, "big") for text in texts)
        self._write(self._squeeze.compress(head + b"".join(texts)))

    def end(self) -> None:
        self._write(self._squeeze.flush())

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._target, data) :]


def pack(directory: bytes, target: int, without: bytes = b"", mode: Mode = _as_it_is) -> int:
    """Packs what a directory holds, which nobody changes meanwhile.

    Args:
        directory: The directory.
        target: Written to.
        without: The path in it of what stays behind; empty: nothing.
        mode: What becomes of modes.

    Returns:
        How many entries were left out because their own user can't read them.
    """
    writer = _Writer(target)
    packing = _Packing(writer, without, mode)
    here = os.open(directory, _DIRECTORY)
    try:
        packing.tree(here)
    finally:
        packing.close()
    writer.end()
    return packing.left_out


def pack_file(path: bytes, name: bytes, target: int, mode: Mode = _as_it_is) -> None:
    """Packs a file alone, under a name."""
    writer = _Writer(target)
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _write_file(writer, name, opened, os.fstat(opened), mode)
    finally:
        os.close(opened)
    writer.end()


def _write_file(writer: _Writer, name: bytes, opened: int, about: os.stat_result, mode: Mode) -> None:
    writer.record(b"f", name, mode(about.st_mode), about.st_mtime_ns, about.st_size)
    for position, data in _parts(opened, about.st_size):
        writer.record(b"x", position, data)
    writer.record(b"e")


class _Level:
    """A directory on the way down, what it is, and the directories in it still to visit."""

    def __init__(self, name: bytes, about: os.stat_result, below: list[bytes]) -> None:
        self.name = name
        self.about = about
        self.below = below


class _Packing:
    """One packing under way."""

    def __init__(self, writer: _Writer, without: bytes, mode: Mode) -> None:
        self._writer = writer
        self._without = without.split(b"/") if without else []
        self._mode = mode
        self._seen: set[bytes] = set()
        self._levels: list[_Level] = []
        self._here = -1
        self.left_out = 0

    def tree(self, here: int) -> None:
        self._here = here
        self._levels = [_Level(b"", os.fstat(here), self._entries())]
        while self._levels:
            level = self._levels[-1]
            if level.below:
                self._down(level.below.pop())
            else:
                self._up()

    def close(self) -> None:
        if self._here >= 0:
            os.close(self._here)
            self._here = -1

    def _down(self, name: bytes) -> None:
        about = os.stat(name, dir_fd=self._here, follow_symlinks=False)
        opened = _opened(name, about, _DIRECTORY, 0o500, self._here)
        if opened is None:
            self.left_out += 1
            return
        os.close(self._here)
        self._here = opened
        self._writer.record(b"d", name, self._mode(about.st_mode), about.st_mtime_ns)
        self._levels.append(_Level(name, about, []))
        self._levels[-1].below = self._entries()

    def _up(self) -> None:
        level = self._levels.pop()
        if not self._levels:
            return
        self._writer.record(b"u")
        parent = os.open(b"..", _DIRECTORY, dir_fd=self._here)
        about, expected = os.fstat(parent), self._levels[-1].about
        if (about.st_dev, about.st_ino) != (expected.st_dev, expected.st_ino):
            os.close(parent)
            raise OSError(errno.ESTALE, "a directory was moved while it was read")
        if os.fstat(self._here).st_mode != level.about.st_mode:
            os.fchmod(self._here, stat.S_IMODE(level.about.st_mode))
        os.close(self._here)
        self._here = parent

    def _entries(self) -> list[bytes]:
        """Packs what is no directory in the one at hand, and says which directories there are."""
        directories = []
        path = [level.name for level in self._levels[1:]]
        for name in map(os.fsencode, sorted(os.listdir(self._here))):
            if [*path, name] == self._without:
                continue
            about = os.stat(name, dir_fd=self._here, follow_symlinks=False)
            if stat.S_ISDIR(about.st_mode):
                directories.append(name)
            else:
                self._entry(name, about)
        return directories[::-1]

    def _entry(self, name: bytes, about: os.stat_result) -> None:
        if stat.S_ISLNK(about.st_mode):
            self._writer.record(b"l", name, os.readlink(name, dir_fd=self._here), about.st_mtime_ns)
        elif stat.S_ISFIFO(about.st_mode):
            self._writer.record(b"p", name, self._mode(about.st_mode), about.st_mtime_ns)
        elif stat.S_ISREG(about.st_mode):
            self._file(name, about)

    def _file(self, name: bytes, about: os.stat_result) -> None:
        key = b"%d-%d" % (about.st_dev, about.st_ino)
        if key in self._seen:
            self._writer.record(b"h", name, key)
            return
        opened = _opened(name, about, os.O_RDONLY | _FILE, 0o400, self._here)
        if opened is None:
            self.left_out += 1
            return
        try:
            if about.st_nlink > 1:
                self._seen.add(key)
                self._writer.record(b"k", key)
            _write_file(self._writer, name, opened, about, self._mode)
            if os.fstat(opened).st_mode != about.st_mode:
                os.fchmod(opened, stat.S_IMODE(about.st_mode))
        finally:
            os.close(opened)


def _opened(name: bytes, about: os.stat_result, flags: int, least: int, here: int) -> int | None:
    """Opens something, also where its owner has closed it to themselves; None where it is somebody else's."""
    try:
        if not flags & os.O_DIRECTORY or about.st_mode & least == least:
            return os.open(name, flags, dir_fd=here)
    except PermissionError:
        pass
    try:
        os.chmod(name, stat.S_IMODE(about.st_mode) | least, dir_fd=here)
        return os.open(name, flags, dir_fd=here)
    except PermissionError:
        return None


def _parts(opened: int, size: int) -> Iterator[tuple[int, bytes]]:
    """The parts of a file that hold data."""
    position = 0
    while position < size:
        try:
            start = os.lseek(opened, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        position = min(os.lseek(opened, start, os.SEEK_HOLE), size)
        while start < position:
            data = os.pread(opened, min(_CHUNK, position - start), start)
            if not data:
                return
            yield start, data
            start += len(data)


# Unpacking


class _Reader:
    """Reads records."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._spread = zlib.decompressobj()
        self._data = bytearray()

    def record(self) -> tuple[bytes, list[bytes]] | None:
        """The next record; None at the end."""
        if not self._fill(2):
            return None
        kind, count = bytes(self._data[:1]), self._data[1]
        if count > _MOST_FIELDS or not self._fill(2 + 4 * count):
            raise Spoiled("a record is cut off")
        lengths = [int.from_bytes(self._data[2 + 4 * i : 6 + 4 * i], "big") for i in range(count)]
        if any(length > _MOST_FIELD for length in lengths) or not self._fill(2 + 4 * count + sum(lengths)):
            raise Spoiled("a record is cut off")
        position = 2 + 4 * count
        fields = []
        for length in lengths:
            fields.append(bytes(self._data[position : position + length]))
            position += length
        del self._data[:position]
        return kind, fields

    def _fill(self, size: int) -> bool:
        while len(self._data) < size:
            left = self._spread.unconsumed_tail or os.read(self._source, 1 << 16)
            try:
                more = self._spread.decompress(left, _CHUNK) if left else self._spread.flush()
            except zlib.error as error:
                raise Spoiled(str(error)) from error
            self._data += more
            if not left and not more:
                return False
        return True


def unpack(source: int, directory: bytes) -> None:
    """Unpacks a parcel into a directory; what is in the way of it is replaced, and directories go together."""
    here = os.open(directory, _DIRECTORY)
    unpacking = _Unpacking(_Reader(source), here)
    try:
        unpacking.all()
    finally:
        unpacking.close()


class _Unpacking:
    """One unpacking under way."""

    def __init__(self, reader: _Reader, here: int) -> None:
        self._reader = reader
        self._top = os.dup(here)
        self._here = here
        self._levels: list[tuple[os.stat_result, int, int]] = []
        """Of the directories on the way down: the one above, and the mode and time that it gets in the end."""
        self._key = b""
        self._keys: dict[bytes, bytes] = {}

    def all(self) -> None:
        while (record := self._reader.record()) is not None:
            kind, fields = record
            try:
                self._one(kind, fields)
            except (ValueError, IndexError) as error:
                raise Spoiled("a record is none") from error
        if self._levels:
            raise Spoiled("a directory does not end")

    def close(self) -> None:
        """Leaves nothing but the tree."""
        os.close(self._here)
        try:
            trees.remove(os.fsdecode(_STAGING), self._top)
        finally:
            os.close(self._top)

    def _one(self, kind: bytes, fields: list[bytes]) -> None:
        if kind == b"u":
            self._up()
        elif kind == b"k":
            self._key = fields[0]
        elif kind == b"d":
            self._down(_name(fields[0]), int(fields[1]), int(fields[2]))
        elif kind in (b"f", b"l", b"p", b"h"):
            name = _name(fields[0])
            trees.remove(os.fsdecode(name), self._here)
            if kind == b"f":
                self._file(name, int(fields[1]), int(fields[2]), int(fields[3]))
            elif kind == b"l":
                os.symlink(fields[1], name, dir_fd=self._here)
                self._stamp(name, int(fields[2]))
            elif kind == b"p":
                os.mkfifo(name, 0o600, dir_fd=self._here)
                os.chmod(name, int(fields[1]) & 0o7777, dir_fd=self._here)
                self._stamp(name, int(fields[2]))
            else:
                self._link(name, fields[1])
        else:
            raise Spoiled("a record is of no kind")

    def _down(self, name: bytes, mode: int, time: int) -> None:
        try:
            if not stat.S_ISDIR(os.stat(name, dir_fd=self._here, follow_symlinks=False).st_mode):
                trees.remove(os.fsdecode(name), self._here)
                os.mkdir(name, 0o700, dir_fd=self._here)
        except FileNotFoundError:
            os.mkdir(name, 0o700, dir_fd=self._here)
        opened = os.open(name, _DIRECTORY, dir_fd=self._here)
        os.fchmod(opened, 0o700)
        self._levels.append((os.fstat(self._here), mode & 0o7777, time))
        os.close(self._here)
        self._here = opened

    def _up(self) -> None:
        above, mode, time = self._levels.pop()
        parent = os.open(b"..", _DIRECTORY, dir_fd=self._here)
        about = os.fstat(parent)
        if (about.st_dev, about.st_ino) != (above.st_dev, above.st_ino):
            os.close(parent)
            raise OSError(errno.ESTALE, "a directory was moved while it was filled")
        os.utime(self._here, ns=(time, time))
        os.fchmod(self._here, mode)
        os.close(self._here)
        self._here = parent

    def _file(self, name: bytes, mode: int, time: int, size: int) -> None:
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=self._here)
        try:
            while (record := self._reader.record()) is not None and record[0] == b"x":
                position, data = int(record[1][0]), record[1][1]
                while data:
                    written = os.pwrite(opened, data, position)
                    position += written
                    data = data[written:]
            os.ftruncate(opened, size)
            os.fchmod(opened, mode & 0o7777)
            os.utime(opened, ns=(time, time))
        finally:
            os.close(opened)
        if self._key:
            self._keep(name)

    def _keep(self, name: bytes) -> None:
        """Gives a file a second name, by which its others find it."""
        if not self._keys:
            trees.remove(os.fsdecode(_STAGING), self._top)
            os.mkdir(_STAGING, 0o700, dir_fd=self._top)
        kept = b"%s/%d" % (_STAGING, len(self._keys))
        os.link(name, kept, src_dir_fd=self._here, dst_dir_fd=self._top, follow_symlinks=False)
        self._keys[self._key] = kept
        self._key = b""

    def _link(self, name: bytes, key: bytes) -> None:
        if (kept := self._keys.get(key)) is None:
            return  # of one that was left out
        os.link(kept, name, src_dir_fd=self._top, dst_dir_fd=self._here, follow_symlinks=False)

    def _stamp(self, name: bytes, time: int) -> None:
        os.utime(name, ns=(time, time), dir_fd=self._here, follow_symlinks=False)


def _name(name: bytes) -> bytes:
    if not name or b"/" in name or b"\0" in name or name in (b".", b".."):
        raise Spoiled("a name leads elsewhere")
    return name
