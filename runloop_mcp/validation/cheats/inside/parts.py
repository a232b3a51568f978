"""Parts of a text: some lines in a row, known by a digest. The one module here that the host uses too."""

import hashlib
import re
from collections.abc import Sequence

_SPACE = re.compile(rb"\s+")
_SAYS_SOMETHING = re.compile(rb"\w\W*\w\W*\w")


def normal_lines(data: bytes) -> list[bytes]:
    """The lines that say something, without indentation and a leading plus, as in patches."""
    lines = (_SPACE.sub(b" ", line.strip().lstrip(b"+").strip()) for line in data.splitlines())
    return [line for line in lines if _SAYS_SOMETHING.search(line)]


def digest(lines: Sequence[bytes]) -> str:
    """Stands for some lines in a row: how many they are, and a hash."""
    return f"{len(lines)}:" + hashlib.blake2b(b"\n".join(lines), digest_size=8).hexdigest()
