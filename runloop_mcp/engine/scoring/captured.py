"""What a scorer printed, kept within bounds: the beginning and the end."""

KEPT_BYTES = 32_000
"""The most that a function's result keeps of its output."""


class CapturedOutput:
    """The beginning and the end of output of any size."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self._seen = 0

    def feed(self, data: bytes) -> None:
        """Takes the next piece of output."""
        self._seen += len(data)
        room = self._limit - len(self._head)
        self._head += data[:room]
        self._tail += data[max(room, len(data) - self._limit) :]
        if len(self._tail) > 2 * self._limit:  # cut now and then: cutting each time would cost the square
            del self._tail[: -self._limit]

    def text(self, closing: str = "") -> str:
        """The output as valid text, then a closing sentence of ours on a line of its own.

        All of it has at most the limit's number of bytes; what does not fit is taken from the middle of the output.
        """
        ending = f"{closing}\n" if closing else ""
        head = _decoded(self._head)
        if self._seen <= self._limit:
            whole = head if not head or head.endswith("\n") or not ending else f"{head}\n"
            if _size(whole + ending) <= self._limit:
                return whole + ending
        tail = _decoded((self._head + self._tail)[-self._limit :])
        gap = f"\n… {self._seen} bytes in all; the middle is left out …\n"
        ending = f"\n{ending}" if ending else ""
        room = max(self._limit - _size(gap + ending), 0)
        return _first(head, room // 2) + gap + _last(tail, room // 2) + ending


def _decoded(data: bytearray) -> str:
    return data.decode(errors="replace")


def _size(text: str) -> int:
    return len(text.encode())


def _first(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


def _last(text: str, size: int) -> str:
    return text.encode()[-size:].decode(errors="ignore") if size else ""
