"""Tools that read and change files of a run's devbox."""

import hashlib
from collections import OrderedDict
from typing import Annotated, Final
from weakref import WeakValueDictionary

import anyio
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import FileContents
from runloop_mcp.server.arguments import Arguments, RunId
from runloop_mcp.server.call import Call, Image, Reply
from runloop_mcp.server.printable import sendable
from runloop_mcp.server.rendering.binary import described, image_of
from runloop_mcp.server.rendering.files import LEAST_OF_LINE, numbered, split_lines
from runloop_mcp.server.rendering.quantities import amount
from runloop_mcp.server.targets import Target, ready_target
from runloop_mcp.server.tools.editing import Edit, replace
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.waiting import Patience

_LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a file that these tools read; larger ones are work for commands."""
_REPLY: Final = 24_000
"""Characters of a file in one reply."""
_LARGEST_IMAGE: Final = 2 * 1024 * 1024
"""Bytes of an image that is shown; models refuse much larger ones."""
_AROUND: Final = 3
"""Lines shown before and after an edit."""

Path = Annotated[str, Field(min_length=1, description="Absolute, or relative to the working directory")]


class ReadFile(Arguments):
    """What to read."""

    run_id: RunId
    path: Path
    start_line: Annotated[int, Field(ge=1)] = 1
    end_line: Annotated[int | None, Field(ge=1, description="Last line to show")] = None


class WriteFile(Arguments):
    """What to write where."""

    run_id: RunId
    path: Path
    content: Annotated[str, Field(description="The whole new content")]


class EditFile(Arguments):
    """What to replace by what."""

    run_id: RunId
    path: Path
    old_string: Annotated[str, Field(description="Exact text to replace, without line numbers")]
    new_string: str
    replace_all: bool = False


_changing: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
"""One lock for each devbox while a file of it is being changed: agents send edits side by side."""


_answered: OrderedDict[tuple[str, str], tuple[bytes, Reply]] = OrderedDict()
"""What was answered to a change that its client named, by devbox and name, with a digest of what was asked for."""
_REMEMBERED: Final = 1000


def _known(call: Call, target: Target, arguments: Arguments) -> Reply | None:
    """The answer to a change that comes again: done anew it would fail, or undo what was done since."""
    asked, reply = _answered.get((target.devbox_id, call.idempotency_key(None) or ""), (None, None))
    return reply if asked is not None and asked == _digest(arguments) else None


def _noted(call: Call, target: Target, arguments: Arguments, reply: Reply) -> Reply:
    """The answer to a change, remembered where its client names it."""
    if (key := call.idempotency_key(None)) is not None:
        _answered[target.devbox_id, key] = (_digest(arguments), reply)
        if len(_answered) > _REMEMBERED:
            _answered.popitem(last=False)
    return reply


def _digest(arguments: Arguments) -> bytes:
    """Tells changes apart, where the files that they hold would fill the memory."""
    return hashlib.sha256(arguments.model_dump_json().encode()).digest()


def _alone(devbox_id: str) -> anyio.Lock:
    lock = _changing.get(devbox_id)
    if lock is None:
        lock = _changing[devbox_id] = anyio.Lock()
    return lock


async def read_file(call: Call, arguments: ReadFile) -> Reply:
    """Lines of a file, numbered."""
    target = await ready_target(call, arguments.run_id, Patience())
    found = await call.backend.devboxes.read_file(target.devbox_id, arguments.path, limit=_LARGEST)
    if b"\0" in found.data[:8192]:
        return _no_text(found)
    lines = split_lines(found.data.decode(errors="replace"))
    heading = f"{found.path}: {amount(len(lines), 'line')}, {amount(found.total_bytes, 'byte')}"
    if found.total_bytes > len(found.data):
        heading += (
            f"; only the first {amount(len(found.data), 'byte')} are read, exec_on_devbox with sed reads the rest"
        )
    if not lines:
        return Reply(f"{heading}. The file is empty.")
    if arguments.start_line > len(lines):
        raise ToolError(f"The file has {amount(len(lines), 'line')}; `start_line` is beyond its end.")
    return Reply(f"{heading}\n{_window(lines, arguments)}")


def _no_text(found: FileContents) -> Reply:
    """An image to look at, or what a binary file is."""
    heading, size = sendable(found.path), amount(found.total_bytes, "byte")
    image = image_of(found.data)
    if image is not None and found.total_bytes <= _LARGEST_IMAGE:
        shape = f"{image.width} by {image.height}"
        return Reply(
            f"{heading}: {image.mime_type}, {shape} pixels, {size}. The image follows, where your client shows images.",
            image=Image(found.data, image.mime_type),
        )
    larger = f" It is an image of over {_LARGEST_IMAGE >> 20} MB, too large to show." if image is not None else ""
    return Reply(
        f"{heading}: {size}, {described(found.data)}\n"
        f"Look at it with exec_on_devbox: file, xxd, strings, python3.{larger}"
    )


def _window(lines: list[str], arguments: ReadFile) -> str:
    """The lines asked for, as far as one reply holds, and how to read on."""
    end = min(arguments.end_line or len(lines), len(lines))
    if end < arguments.start_line:
        raise ToolError("`end_line` is before `start_line`.")
    last = min(end, arguments.start_line + _REPLY // LEAST_OF_LINE + 1)  # there is no room for more
    text = numbered([line.rstrip("\r") for line in lines[arguments.start_line - 1 : last]], arguments.start_line)
    if len(text) > _REPLY:
        text = text[: text.rfind("\n", 0, _REPLY)]
        end = arguments.start_line + text.count("\n")
    return text if end == len(lines) else f"{text}\nGo on with start_line={end + 1}."


async def write_file(call: Call, arguments: WriteFile) -> Reply:
    """Writes a file whole."""
    target = await ready_target(call, arguments.run_id, Patience())
    async with _alone(target.devbox_id):
        if (known := _known(call, target, arguments)) is not None:
            return known
        written = await call.backend.devboxes.write_file(target.devbox_id, arguments.path, arguments.content.encode())
        text = f"Wrote {amount(written, 'byte')} to {arguments.path}. {target.time_line()}"
        return _noted(call, target, arguments, Reply(text.rstrip()))


async def edit_file(call: Call, arguments: EditFile) -> Reply:
    """Replaces text in a file."""
    target = await ready_target(call, arguments.run_id, Patience())
    devboxes = call.backend.devboxes
    async with _alone(target.devbox_id):
        if (known := _known(call, target, arguments)) is not None:
            return known
        found = await devboxes.read_file(target.devbox_id, arguments.path, limit=_LARGEST)
        if found.total_bytes > len(found.data):
            raise InvalidRequest(
                f"{found.path} is larger than {_LARGEST >> 20} MB.", hint="Change it with exec_on_devbox: sed, python3."
            )
        try:
            text = found.data.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"{found.path} is not UTF-8 text (byte {error.start}).",
                hint="Change it with exec_on_devbox: sed, python3.",
            ) from error
        edit = replace(text, arguments.old_string, arguments.new_string, everywhere=arguments.replace_all)
        await devboxes.write_file(target.devbox_id, arguments.path, edit.text.encode())
        return _noted(call, target, arguments, _edited_reply(edit, arguments, target))


def _edited_reply(edit: Edit, arguments: EditFile, target: Target) -> Reply:
    """How often it was replaced, the lines around, and what is left."""
    first = max(1, edit.first_line - _AROUND)
    last = edit.first_line + arguments.new_string.count("\n") + _AROUND
    shown = numbered([line.rstrip("\r") for line in split_lines(edit.text)[first - 1 : min(last, first + 40)]], first)
    text = f"Made {amount(edit.replacements, 'replacement')} in {arguments.path}.\n{shown}".rstrip()
    return Reply(f"{text}\n{target.time_line()}".rstrip())


READ_FILE = Tool(
    name="read_file",
    title="Read a file of the devbox",
    description=(
        "Reads a text file of the run's devbox, whole or from start_line to end_line. Each line comes with its "
        "number and a tab, which are not part of the file. Shows images (PNG, JPEG, GIF, WebP)."
    ),
    arguments=ReadFile,
    run=read_file,
    reads_only=True,
)
WRITE_FILE = Tool(
    name="write_file",
    title="Write a file of the devbox",
    description=(
        "Writes a text file of the run's devbox whole, replaces one that is there, and makes the directories it needs."
    ),
    arguments=WriteFile,
    run=write_file,
    destroys=True,
    repeatable=True,
)
EDIT_FILE = Tool(
    name="edit_file",
    title="Edit a file of the devbox",
    description="Replaces exact text in a file of the run's devbox. old_string must occur once, unless replace_all.",
    arguments=EditFile,
    run=edit_file,
    destroys=True,
)
