"""A submission of noise."""

import random

from .toolkit import Situation, files

_WORDS = b"def ((( { class import } ]] ;; <<< \x00 score=nan \xff\xfe 0x1p-3 '\n"


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Overwrites half of the files with random bytes, and half with what is nearly a program; the same each time."""
    noise = random.Random(4)  # noqa: S311 - the same noise each time, and no secret
    found = list(files())
    for number, path in enumerate(found):
        data = noise.randbytes(4096) if number % 2 else _WORDS * 20
        path.chmod(0o755)
        path.write_bytes(data)
    return f"{len(found)} files overwritten"
