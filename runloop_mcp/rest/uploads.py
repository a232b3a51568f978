"""Files that come with requests: as form data, and as the body itself."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.rest.bodies import ClientLeft, TooLarge

MOST_UPLOAD_BYTES: Final = 256 * 2**20
"""The largest file that can be uploaded into a devbox."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file for a devbox."""

    path: str
    data: bytes


async def read_upload(request: Request) -> Upload:
    """The file in the form data of a request.

    Raises:
        InvalidRequest: It is no form data, or has no `path` or no `file`.
        TooLarge: It is larger than files may be.
        ClientLeft: The client went away.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidRequest(
            "The body is no form data.", hint="Send multipart/form-data with the fields path and file."
        )
    parser = MultiPartParser(request.headers, body_chunks(request, MOST_UPLOAD_BYTES), max_files=1, max_fields=10)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise InvalidRequest(f"The form data is not valid: {error.message}") from error
    except LookupError as error:
        raise InvalidRequest("The form data is not valid: its charset is none.") from error
    try:
        path, file = form.get("path"), form.get("file")
        if not isinstance(path, str):
            raise InvalidRequest("path: Field required.", hint="It says where the file goes.")
        if file is None:
            raise InvalidRequest("file: Field required.", hint="It holds the contents.")
        return Upload(path, await file.read() if isinstance(file, UploadFile) else file.encode())
    finally:
        await form.close()


async def body_chunks(request: Request, most: int | None) -> AsyncGenerator[bytes, None]:
    """The body of a request as it comes.

    Args:
        request: The request.
        most: How many bytes it may have; None: whoever takes them says.

    Raises:
        TooLarge: It is larger.
        ClientLeft: The client went away.
    """
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if most is not None and size > most:
                raise TooLarge(f"The body is larger than {most // 2**20} MiB.")
            yield chunk
    except ClientDisconnect as error:
        raise ClientLeft("The client went away.") from error
