"""JSON-RPC messages as lines: cutting, reading, refusing, writing.

Pure: bytes in, bytes and messages out. The client of a stock server waits for ever after a line that the server
cannot read; here every such line has an answer, under the request's own id wherever that can be told.
"""

import json
import re
from typing import Any, Final, NamedTuple

from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from runloop_mcp.server.transports.valid_json import valid

LINE_LIMIT: Final = 16 * 2**20
"""Longest line read, in bytes: four times what the HTTP transports accept, and still a bounded amount of memory."""

_EDGE: Final = 512
"""Bytes kept of each end of a line that was too long: enough to find the id of its request."""

# Not compiled here: a start would pay for what hardly any process needs.
_SCALAR_MEMBER: Final = rb'"(?P<key>jsonrpc|id|method)"\s*:\s*(?P<value>"[^"\\]*"|-?\d+)'
_LEADING: Final = rb"\s*[{,]\s*" + _SCALAR_MEMBER
_TRAILING: Final = rb",\s*" + _SCALAR_MEMBER + rb"\s*$"


class Refused(Exception):
    """A line that holds no message.

    Args:
        code: The JSON-RPC error code.
        message: What is wrong and what is valid, for the client's log.
        request_id: The id of the request in it, where there is one.
    """

    def __init__(self, code: int, message: str, request_id: RequestId | None = None) -> None:
        super().__init__(message)
        self.reply = JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message))


class TooLong(NamedTuple):
    """What is left of a line over the limit: its two ends."""

    head: bytes
    tail: bytes


class LineCutter:
    """Cuts a stream of bytes into lines, holding no more than one line of bounded length.

    Args:
        limit: The longest line in bytes, without its newline.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._over: TooLong | None = None

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """Take the next bytes; return the lines they complete."""
        *ended, rest = data.split(b"\n")
        lines = []
        for piece in ended:
            self._keep(piece)
            lines.append(self._take())
        self._keep(rest)
        return lines

    def end(self) -> list[bytes | TooLong]:
        """The last line, when the stream ended without a newline."""
        return [self._take()] if self._kept or self._over else []

    def _keep(self, piece: bytes) -> None:
        if self._over is not None:
            self._over = TooLong(self._over.head, (self._over.tail + piece)[-_EDGE:])
            return
        self._kept += piece
        if len(self._kept) > self._limit:
            self._over = TooLong(bytes(self._kept[:_EDGE]), bytes(self._kept[-_EDGE:]))
            self._kept = bytearray()

    def _take(self) -> bytes | TooLong:
        line = bytes(self._kept) if self._over is None else self._over
        self._kept = bytearray()
        self._over = None
        return line


def decode(line: bytes | TooLong) -> JSONRPCMessage | None:
    """The message in a line; None for a blank one.

    Raises:
        Refused: The line holds no JSON-RPC message; `reply` answers it.
    """
    if isinstance(line, TooLong):
        raise Refused(
            INVALID_REQUEST,
            f"The message is longer than {LINE_LIMIT // 2**20} MiB. Send its content in smaller parts.",
            _id_in_edges(line),
        )
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError:
        return _decode_slowly(line) if line.strip() else None
    if isinstance(message, JSONRPCNotification) and b'"id"' in line:
        # A request whose id is no string or integer reads as a notification, and its client would wait for ever.
        _refuse_unusable_id(json.loads(line))
    return message


def _decode_slowly(line: bytes) -> JSONRPCMessage:
    """Read a line that the fast parser refused: forgive what can be forgiven, else say what is wrong."""
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Refused(PARSE_ERROR, f"Not valid UTF-8 at byte {error.start} of the line.") from None
    except RecursionError:
        raise Refused(PARSE_ERROR, "The JSON is nested too deeply.") from None
    except ValueError:
        raise Refused(PARSE_ERROR, "Not JSON. Send one JSON-RPC 2.0 message on each line.") from None
    if isinstance(value, list):
        raise Refused(INVALID_REQUEST, "Batches are no part of MCP. Send each message on a line of its own.")
    if not isinstance(value, dict):
        raise Refused(INVALID_REQUEST, "Not a JSON object. Send one JSON-RPC 2.0 message on each line.")
    _refuse_unusable_id(value)
    try:
        # Clients in JavaScript escape half a character as a lone surrogate, which is JSON but no Unicode text.
        return jsonrpc_message_adapter.validate_python(valid(value), by_name=False)
    except (ValidationError, RecursionError):
        raise Refused(
            INVALID_REQUEST,
            'Not a JSON-RPC 2.0 message: "jsonrpc" is "2.0", "method" a string and "params" an object.',
            _id_of(value),
        ) from None


def _refuse_unusable_id(value: dict[str, Any]) -> None:
    if "id" in value and "method" in value and _id_of(value) is None:
        raise Refused(INVALID_REQUEST, 'The "id" of a request is a string or an integer.')


def _id_of(value: dict[str, Any]) -> RequestId | None:
    """The id to answer under: only a request's, because a response's id is ours and would hit a request of theirs."""
    request_id = value.get("id")
    if "method" in value and isinstance(request_id, str | int) and not isinstance(request_id, bool):
        return request_id
    return None


def _id_in_edges(line: TooLong) -> RequestId | None:
    """The id of a request too long to read, from the top-level members before and after its `params`."""
    members: dict[str, Any] = {}
    head = line.head
    while found := re.match(_LEADING, head):
        members[found["key"].decode()] = json.loads(found["value"])
        head = head[found.end() :]
    tail = line.tail.rstrip()
    # The brace that ends the line closes the message itself, so members that touch it are the message's own.
    tail = tail[:-1] if tail.endswith(b"}") else b""
    while found := re.search(_TRAILING, tail):
        members[found["key"].decode()] = json.loads(found["value"])
        tail = tail[: found.start()]
    return _id_of(members)


def encode(message: JSONRPCMessage) -> bytes:
    """The line for a message, newline included. Never fails: what is no valid JSON is made so, or becomes an error."""
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
    except ValueError:
        return _encode_slowly(message)


def _encode_slowly(message: JSONRPCMessage) -> bytes:
    try:
        cleaned = valid(message.model_dump(by_alias=True, exclude_unset=True))
        return json.dumps(cleaned, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except (ValueError, TypeError, RecursionError):
        unwritable = ErrorData(code=INTERNAL_ERROR, message="The result could not be written as JSON.")
        request_id = None if isinstance(message, JSONRPCNotification) else message.id
        if isinstance(message, JSONRPCRequest | JSONRPCNotification):
            # Nothing of the client's waits for it; an empty line is read as nothing.
            return b"\n"
        return encode(JSONRPCError(jsonrpc="2.0", id=request_id, error=unwritable))


def answers(message: JSONRPCMessage) -> RequestId | None:
    """The id of the request that this message answers, if it is an answer."""
    return message.id if isinstance(message, JSONRPCResponse | JSONRPCError) else None
