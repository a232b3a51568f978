"""Files of devboxes: paths are relative to the home."""

from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.groups.devboxes import Devboxes
from runloop_mcp.api.models.devbox import FileContents
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import post
from runloop_mcp.rest.uploads import read_upload
from runloop_mcp.rest.wire.devboxes import DownloadFileBody, ReadFileBody, WriteFileBody
from runloop_mcp.rest.wire.executions import ExecutionResult
from runloop_mcp.rest.wire.nothing import Nothing

_TAG: Final = "devboxes"

_MOST_TEXT_BYTES: Final = 100 * 2**20
"""The largest file that is read as a text."""

_PIECE_BYTES: Final = 4 * 2**20
"""How much of a file is in memory while it is downloaded."""

_NOT_FOUND: Final = {404: "Devbox or file not found."}
_UPLOAD: Final = {
    "multipart/form-data": {
        "type": "object",
        "required": ["path", "file"],
        "properties": {
            "path": {"type": "string", "description": "Where it goes; relative paths begin at the home."},
            "file": {"type": "string", "format": "binary", "description": "Its contents."},
        },
    }
}


async def read_file_contents(call: Call, devbox_id: str, body: ReadFileBody) -> Response:
    """Reads a file of a devbox as UTF-8.

    What is not UTF-8 becomes U+FFFD. Larger files than 100 MiB are for `download_file`.
    """
    file = await call.backend.devboxes.read_file(devbox_id, _from_home(body.file_path), limit=_MOST_TEXT_BYTES)
    if file.total_bytes > len(file.data):
        raise InvalidRequest(
            f"The file has {file.total_bytes} bytes, more than the {_MOST_TEXT_BYTES} that are read as a text.",
            hint="Use download_file.",
        )
    return PlainTextResponse(file.data.decode("utf-8", "replace"))


async def write_file_contents(call: Call, devbox_id: str, body: WriteFileBody) -> ExecutionResult:
    """Writes a text file of a devbox, with the directories it needs."""
    data = body.contents.encode("utf-8", "surrogatepass")
    await call.backend.devboxes.write_file(devbox_id, _from_home(body.file_path), data)
    return ExecutionResult(devbox_id=devbox_id, exit_status=0, stdout="", stderr="")


async def upload_file(call: Call, devbox_id: str) -> Nothing:
    """Writes a file of a devbox, with the directories it needs, from form data."""
    upload = await read_upload(call.request)
    await call.backend.devboxes.write_file(devbox_id, _from_home(upload.path), upload.data)
    return Nothing()


async def download_file(call: Call, devbox_id: str, body: DownloadFileBody) -> Response:
    """Reads a file of a devbox as it is."""
    path = _from_home(body.path)
    first = await call.backend.devboxes.read_file(devbox_id, path, limit=_PIECE_BYTES)
    media_type = "application/octet-stream"
    if first.total_bytes <= len(first.data):
        return Response(first.data, media_type=media_type)
    pieces = _pieces(call.backend.devboxes, devbox_id, path, first)
    return StreamingResponse(pieces, media_type=media_type)


async def _pieces(devboxes: Devboxes, devbox_id: str, path: str, first: FileContents) -> AsyncIterator[bytes]:
    """The file in pieces, as far as it went at first: one that something keeps writing to would have no end."""
    piece, offset = first.data, 0
    while piece:
        yield piece
        offset += len(piece)
        limit = min(_PIECE_BYTES, first.total_bytes - offset)
        piece = (await devboxes.read_file(devbox_id, path, offset=offset, limit=limit)).data if limit > 0 else b""


def _from_home(path: str) -> str:
    """A path of the wire as the ports have it: what is relative begins at the home, not in the working directory."""
    return path if path.startswith(("/", "~/")) or path in {"", "~"} else f"~/{path}"


ROUTES: Final = (
    post(
        "/v1/devboxes/{devbox_id}/read_file_contents",
        _TAG,
        read_file_contents,
        errors=_NOT_FOUND,
        content={"text/plain": {"type": "string"}},
        is_deduplicated=False,
    ),
    post("/v1/devboxes/{devbox_id}/write_file_contents", _TAG, write_file_contents, errors=_NOT_FOUND),
    post(
        "/v1/devboxes/{devbox_id}/upload_file",
        _TAG,
        upload_file,
        errors={**_NOT_FOUND, 413: "The file is larger than can be uploaded."},
        form=_UPLOAD,
        is_deduplicated=False,
    ),
    post(
        "/v1/devboxes/{devbox_id}/download_file",
        _TAG,
        download_file,
        errors=_NOT_FOUND,
        content={"application/octet-stream": {"type": "string", "format": "binary"}},
        is_deduplicated=False,
    ),
)
