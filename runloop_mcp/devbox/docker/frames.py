"""The frames between a server and the agent in a container; `inside/agent.py` tells their meaning."""

from enum import IntEnum

WINDOW = 512 << 10
"""How many bytes of a stream may be on their way before the other side has taken some."""

HEADER = 9
MOST_DATA = 64 << 10
MOST_ANSWER = 4096


class Kind(IntEnum):
    """What a frame is."""

    REQUEST = ord("R")
    ANSWER = ord("A")
    DATA = ord("D")
    END = ord("E")
    ROOM = ord("W")
    ONLY_WRITE = ord("K")


def frame(kind: Kind, number: int, data: bytes = b"") -> bytes:
    """A frame's bytes."""
    return b"%c%b%b%b" % (kind, number.to_bytes(4, "big"), len(data).to_bytes(4, "big"), data)
