"""Where a box's keeper or supervisor writes what is too much for an answer: a file of memory that the engine reads."""

import os
from types import TracebackType
from typing import Self

_MAX_BYTES = 64 << 20


class Results:
    """A file of memory for strings, each ended by NUL; enter it, and its descriptor is closed at the end."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("results")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def strings(self) -> list[str]:
        """What was written, as far as it is not absurdly much; what is no UTF-8 as surrogates."""
        data = os.pread(self.descriptor, _MAX_BYTES, 0)
        return [os.fsdecode(item) for item in data.split(b"\0")[:-1]]
