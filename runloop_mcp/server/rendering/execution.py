"""Executions as text: status, both streams within a budget of characters, and how to read the rest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.groups.devboxes import Devboxes
from runloop_mcp.api.models.devbox import (
    ExecutionDetails,
    ExecutionStatus,
    ExecutionView,
    OutputMatch,
    OutputMatches,
    OutputRange,
    OutputStream,
)
from runloop_mcp.api.terminal import unfinished
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.binary import SAMPLE, described, hex_lines, looks_binary
from runloop_mcp.server.rendering.quantities import amount, budget_line, span

OUTPUT_BUDGET: Final = 16_000
"""Characters of output in one reply, about 4,000 tokens: agents read more only when they ask."""
_STDERR_SHARE: Final = 4_000
"""What standard error has for itself when both streams are long."""
_HEAD: Final = 1 / 3
"""The part of a cut stream that shows its beginning; errors stand at the end."""
_MOST_SHRUNK: Final = 256 * 1024
"""Bytes of a stream that is looked at whole, where what a terminal shows of it may keep within the budget."""
_SHRINKS: Final = re.compile("\x1b|\x08|\r(?!\n)")
"""What progress bars and colours are made of, of which nothing is shown."""
_HEX_BYTES: Final = 2048
"""Bytes of a binary stream that one reply shows."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What a reply shows of one stream."""

    stream: OutputStream
    text: str
    total_bytes: int
    dropped_bytes: int
    """Bytes that came after the quota was used up."""


async def excerpts(devboxes: Devboxes, view: ExecutionView, *, budget: int = OUTPUT_BUDGET) -> list[Excerpt]:
    """Both streams, cut head and tail so that together they keep within the budget."""
    details = view.x_runloop_mcp or ExecutionDetails()
    sizes = {
        OutputStream.STDOUT: max(details.stdout_bytes, len((view.stdout or "").encode(errors="replace"))),
        OutputStream.STDERR: max(details.stderr_bytes, len((view.stderr or "").encode(errors="replace"))),
    }
    for_stderr = min(sizes[OutputStream.STDERR], max(_STDERR_SHARE, budget - sizes[OutputStream.STDOUT]))
    shares = {OutputStream.STDOUT: budget - for_stderr, OutputStream.STDERR: for_stderr}
    dropped = {OutputStream.STDOUT: details.stdout_dropped_bytes, OutputStream.STDERR: details.stderr_dropped_bytes}
    found = []
    for stream, size in sizes.items():
        try:
            text = await _excerpt(devboxes, view, stream, size, shares[stream])
        except NotFound:
            text = "[no longer kept]"
        if text or dropped[stream]:
            found.append(Excerpt(stream, text, size, dropped[stream]))
    return found


async def _excerpt(devboxes: Devboxes, view: ExecutionView, stream: OutputStream, size: int, share: int) -> str:
    held = (view.stdout if stream is OutputStream.STDOUT else view.stderr) or ""
    truncated = view.stdout_truncated if stream is OutputStream.STDOUT else view.stderr_truncated
    if looks_binary(held):
        first = await devboxes.read_output(view.devbox_id, view.execution_id, stream, offset=0, limit=SAMPLE)
        if looks_binary(first.text):
            return binary_text(first, stream)
    if size <= share and not truncated:
        return printable(held)
    if size <= share:
        whole = await devboxes.read_output(view.devbox_id, view.execution_id, stream, offset=0, limit=share)
        return printable(whole.text)
    if size <= _MOST_SHRUNK and _SHRINKS.search(held):
        whole = await devboxes.read_output(view.devbox_id, view.execution_id, stream, offset=0, limit=_MOST_SHRUNK)
        if len(shown := printable(whole.text)) <= share:
            return shown
    head_share = int(share * _HEAD)
    head = await devboxes.read_output(view.devbox_id, view.execution_id, stream, offset=0, limit=head_share)
    tail = await devboxes.read_output(
        view.devbox_id, view.execution_id, stream, offset=-(share - head_share), limit=share - head_share
    )
    head_text, begin = _whole_lines_of_head(head)
    tail_text, end = _whole_lines_of_tail(tail)
    marker = (
        f"[… {amount(end - begin, 'byte')} left out: get_execution with "
        f'stream="{stream}", offset={begin} reads on from here, search="…" finds lines …]'
    )
    return "\n".join([printable(head_text).rstrip("\n"), marker, printable(tail_text)])


def binary_text(first: OutputRange, stream: OutputStream) -> str:
    """What a binary stream is, and how to look at it."""
    what = described(first.data) if first.data is not None else "binary"
    return (
        f"[{amount(first.total_bytes, 'byte')}, {what}\n"
        f'get_execution with stream="{stream}" and offset shows more bytes. To work with it, have the command write it '
        "to a file of the devbox, then use file, xxd, strings or python3.]"
    )


def _whole_lines_of_head(part: OutputRange) -> tuple[str, int]:
    """The text up to its last line end, and the byte where it stops; as it is where that would lose much of it."""
    keep = part.text.rfind("\n") + 1
    if "\ufffd" in part.text or keep < len(part.text) / 2:
        return part.text, part.next_offset
    return part.text[:keep], part.next_offset - len(part.text[keep:].encode())


def _whole_lines_of_tail(part: OutputRange) -> tuple[str, int]:
    """The text from its first line begin, and the byte where it starts; as it is where that would lose much of it."""
    begin = part.text.find("\n") + 1
    if "\ufffd" in part.text or begin > len(part.text) / 2:
        return part.text, part.offset
    return part.text[begin:], part.offset + len(part.text[:begin].encode())


def headline(view: ExecutionView) -> str:
    """How the command ended, or that it runs on."""
    details = view.x_runloop_mcp or ExecutionDetails()
    took = f" after {span(details.duration_ms / 1000)}" if details.duration_ms is not None else ""
    if view.status != ExecutionStatus.COMPLETED:
        return f"Still {view.status}."
    if details.timed_out:
        ended = "the time limit ended the command and all that it had started"
        return f"Timed out{took}: {ended}. Exit status {view.exit_status}."
    if details.killed:
        return f"Killed{took}. Exit status {view.exit_status}."
    signal = f" (signal {details.signal})" if details.signal else ""
    return f"Exit status {view.exit_status}{signal}{took}."


def execution_text(
    view: ExecutionView, shown: list[Excerpt], *, run_id: str, budget: Mapping[str, int | None] | None = None
) -> str:
    """An execution whole: how it ended, both streams, notes, what is left, and how to go on."""
    details = view.x_runloop_mcp or ExecutionDetails()
    running = view.status != ExecutionStatus.COMPLETED
    shell = f", shell {printable(view.shell_name)!r}" if view.shell_name else ""
    lines = [f"{headline(view)} ({view.execution_id}{shell})"]
    for each in shown:
        lines.append(f"--- {each.stream}, {amount(each.total_bytes, 'byte')}{' so far' if running else ''}")
        lines.append(each.text.rstrip("\n"))
        if each.dropped_bytes:
            lines.append(f"[… {amount(each.dropped_bytes, 'byte')} more came after the quota and were not kept …]")
    lines.append("---" if shown else f"(no output{' yet' if running else ''})")
    lines += [f"Note: {printable(note)}" for note in details.notes]
    lines.append(budget_line(details.budget if budget is None else budget))
    if running:
        lines.append(
            f"{'Other commands of its shell come first' if view.status == ExecutionStatus.QUEUED else 'It runs on'}: "
            f'get_execution(run_id="{run_id}", execution_id="{view.execution_id}") waits for it; '
            + ('stdin="…" sends it input, signal="EOF" ends that; ' if details.attach_stdin else "")
            + 'signal="INTERRUPT" interrupts it, kill=true ends it.'
        )
    return "\n".join(line for line in lines if line)


def range_text(part: OutputRange, stream: OutputStream) -> str:
    """A range of a stream, and where to read on: never in the middle of an escape; bytes that are no text in hex."""
    if part.data is not None and looks_binary(part.text):
        shown = part.data[:_HEX_BYTES]
        text, end = hex_lines(shown, part.offset), part.offset + len(shown)
    else:
        left = unfinished(part.text) if part.next_offset < part.total_bytes or not part.complete else 0
        whole = part.text[: len(part.text) - left] or part.text
        text, end = printable(whole), part.next_offset - len(part.text[len(whole) :].encode(errors="replace"))
    head = f"--- {stream}, bytes {part.offset:,} to {end:,} of {part.total_bytes:,}"
    if end < part.total_bytes:
        rest = f"Go on with offset={end}."
    else:
        rest = "This is the end." if part.complete else f"No more yet; the command still runs. Go on with offset={end}."
    return f"{head}\n{text.rstrip(chr(10))}\n---\n{rest}"


def matches_text(found: OutputMatches, stream: OutputStream) -> str:
    """The lines that a search found, with their numbers and where each begins, and those around them."""
    if not found.matches:
        return f"No line of {stream} matches ({amount(found.total_bytes, 'byte')} searched)."
    shown: dict[int, str] = {}
    room, count = OUTPUT_BUDGET, 0
    for match in found.matches:
        lines = _with_those_around(match)
        room -= sum(len(line) for number, line in lines.items() if number not in shown)
        if count and room < 0:
            break
        shown = lines | shown | {match.line_number: lines[match.line_number]}
        count += 1
    more = f", the first {count} shown" if found.total_matches > count else ""
    around = "; a - stands behind the number of lines around" if len(shown) > count else ""
    head = f"{amount(found.total_matches, 'line')} of {stream} found{more} (line number, byte offset, text{around}):"
    return "\n".join([head, *_gaps_marked(shown)])


def _with_those_around(match: OutputMatch) -> dict[int, str]:
    """A line that was found and those around it, by number."""
    number = match.line_number
    around = {number - len(match.before) + place: text for place, text in enumerate(match.before)}
    around |= {number + place: text for place, text in enumerate(match.after, 1)}
    lines = {at: f"{at}-\t\t{printable(text)}" for at, text in around.items()}
    return lines | {number: f"{number}\t{match.offset}\t{printable(match.text)}"}


def _gaps_marked(shown: dict[int, str]) -> list[str]:
    """Numbered lines in order; where there are lines around, a gap is marked as grep does."""
    lines: list[str] = []
    has_around = any(f"{number}-" == line.split("\t")[0] for number, line in shown.items())
    for number, line in sorted(shown.items()):
        if has_around and lines and number - 1 not in shown:
            lines.append("--")
        lines.append(line)
    return lines
