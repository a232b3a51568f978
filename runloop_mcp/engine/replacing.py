"""Files that take another's place whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runloop_mcp.api.errors import InvalidRequest


@contextmanager
def replacing(target: Path, *, what: str) -> Iterator[BinaryIO]:
    """A file that takes the target's place where the block ends well, and is gone where it does not.

    Args:
        target: The file of the caller's.
        what: What is written to it, for the message: `The archive`.

    Raises:
        InvalidRequest: It can't be written.
    """
    part: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        part = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            yield file
        part.replace(target)
    except OSError as error:
        raise InvalidRequest(
            f"{what} can't be written to {target}: {error.strerror or error}.", hint="Name another file."
        ) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
