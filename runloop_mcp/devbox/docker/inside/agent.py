"""Pid 1 of a container: the sandbox's supervisor on one stream of bytes, which carries every pipe and file as well.

Both directions are frames: a kind, a number, a length, and so many bytes. The numbers of streams are the engine's
choice. Who sends data waits for room: a stream begins with `WINDOW` bytes, and more is granted as they are taken.

    R  a request, marshalled: (number of the stream that an answer may open, streams that come along, the request)
    A  an answer: plain words and numbers
    D  data of a stream          E  its end
    W  room for so much more     K  the reader of a pipe has come: from now on only write to it
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # see processes
import errno
import fcntl
import marshal
import os
import resource
import select
import stat
import sys
import time

from runloop_mcp.devbox.docker.inside import refusals
from runloop_mcp.devbox.docker.inside.streams import Input, News, Output, Sink
from runloop_mcp.devbox.sandbox.inside import kernel, supervisor

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from typing import NoReturn

_GRANT = 128 << 10
_CHUNK = 64 << 10
_HEADER = 9
_LOOK_SECONDS = 0.2
_KILLED_SECONDS = 0.5
_ROUNDS = 4
_COUNTERS = (
    (1, b"oom_kill", ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")),
    (2, b"max", ("/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events")),
)
"""What the kernel counts of limits, in control groups of version 2 and 1; the numbers tell them apart in news."""


def main() -> NoReturn:
    """Never returns: the container ends with its stream."""
    requests, answers = os.dup(0), os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.umask(0o022)
    sys.path[:] = []
    sys.meta_path[:] = []
    try:
        secret = int.from_bytes(os.urandom(8), "big")
        # Opened before this process can't be looked into any more, as it can't be had from then on.
        ends_first = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        agent = Agent(requests, answers, secret, ends_first)
        try:
            kernel.set_dumpable(on=False)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            kernel.drop_all_capabilities()
            if (program := refusals.program(secret)) is not None:
                kernel.install_filter(program)
            kernel.label_children(0, secret)  # tried here, so that no command is ever started without
        except OSError as error:
            agent.broken(error)
        else:
            agent.serve()
    finally:
        os._exit(0)


class Agent(supervisor.Supervisor):
    """Serves one engine over two descriptors."""

    def __init__(self, requests: int, answers: int, secret: int, ends_first: int) -> None:
        super().__init__(None, secret, ends_first)  # type: ignore[arg-type] # it answers in frames
        self._requests = requests
        self._answers = answers
        self._received = bytearray()
        self._outputs: dict[int, Output] = {}
        self._inputs: dict[int, Input] = {}
        self._sinks: dict[int, Sink] = {}
        self._polled: dict[int, Output | Input] = {}
        """By descriptor."""
        self._poll = select.poll()
        self._reply_to = 0
        self._of_token: dict[int, list[Output]] = {}
        """The outputs of a process that runs."""
        self._news: list[News] = []
        self._hits = {number: self._counted(name, places) for number, name, places in _COUNTERS}

    def broken(self, error: OSError) -> None:
        """Tells what keeps the container from being safe to use."""
        self._send(b"A", 0, f"broken 0 {error.errno or 0} {error}".encode(errors="replace")[:2000])

    def serve(self) -> None:
        """Serves until the engine closes its end."""
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(wake, False)
        self._heed_signals()
        _signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self._poll.register(wake, select.POLLIN)
        self._poll.register(self._requests, select.POLLIN)
        self._answer("ready", 0)
        while True:
            for descriptor, _ in self._poll.poll(_LOOK_SECONDS * 1000 if self._news else None):
                if descriptor == self._requests:
                    if not self._receive():
                        return
                elif descriptor == wake:
                    try:
                        os.read(wake, 4096)
                    except BlockingIOError:
                        pass
                else:
                    self._move(self._polled.get(descriptor))
            self._reap()
            while self._tell():
                pass

    def _heed_signals(self) -> None:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # for pid 1 that means to ignore it; Python's own would raise
        _signal.signal(_signal.SIGCHLD, lambda _number, _frame: None)

    # Frames

    def _send(self, kind: bytes, number: int, data: bytes = b"") -> None:
        frame = kind + number.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data
        while frame:
            frame = frame[os.write(self._answers, frame) :]

    def _receive(self) -> bool:
        data = os.read(self._requests, 256 << 10)
        if not data:
            return False
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        received = self._received
        received += data
        position = 0
        while len(received) - position >= _HEADER:
            length = int.from_bytes(received[position + 5 : position + _HEADER], "big")
            end = position + _HEADER + length
            if len(received) < end:
                break
            number = int.from_bytes(received[position + 1 : position + 5], "big")
            self._frame(received[position : position + 1], number, bytes(received[position + _HEADER : end]))
            position = end
        del received[:position]

    def _frame(self, kind: bytearray, number: int, data: bytes) -> None:
        if kind == b"R":
            self._request(data)
        elif kind == b"D":
            if (sink := self._sinks.get(number)) is not None:
                self._store(sink, data)
            elif (taker := self._inputs.get(number)) is not None:
                taker.waiting.append(data)
                self._move(taker)
        elif kind == b"E":
            self._end_of(number)
        elif kind == b"W" and (output := self._outputs.get(number)) is not None:
            output.room += int.from_bytes(data, "big")
            self._watch(output)
        elif kind == b"K" and (taker := self._inputs.get(number)) is not None:
            self._only_write(taker)

    def _end_of(self, number: int) -> None:
        if (sink := self._sinks.pop(number, None)) is not None:
            self._finish(sink)
        elif (taker := self._inputs.get(number)) is not None:
            taker.ended = True
            self._move(taker)
        elif (output := self._outputs.get(number)) is not None:
            self._drop(output)

    def _request(self, data: bytes) -> None:
        self._reply_to, streams, request = marshal.loads(data)  # noqa: S302 - from the engine, in the trusted direction
        operation, token, *arguments = request
        theirs: list[int] = []
        try:
            try:
                outputs = [self._pipe(number, way, theirs) for number, way in streams]
                self._of_token[token] = [each for each in outputs if isinstance(each, Output)]
                if operation == "start" and arguments[3:4] == [True]:
                    self._of_token[token][0].reports = True
                self._operations[operation](token, theirs, *arguments)
            except OSError as error:
                self._answer("failed", token, error.errno or errno.EIO)
            except Exception:  # noqa: BLE001 - one odd request must not end the box
                self._answer("failed", token, errno.EIO)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
            if token not in self._tokens.values():
                self._of_token.pop(token, None)

    def _pipe(self, number: int, way: str, theirs: list[int]) -> Output | Input:
        reading, writing = os.pipe()
        ours, other = (reading, writing) if way == "o" else (writing, reading)
        theirs.append(other)
        os.set_blocking(ours, False)
        return self._add(Output(ours, number) if way == "o" else Input(ours, number))

    def _add(self, stream: Output | Input) -> Output | Input:
        if isinstance(stream, Output):
            self._outputs[stream.number] = stream
        else:
            self._inputs[stream.number] = stream
        self._watch(stream)
        return stream

    # What streams carry

    def _watch(self, stream: Output | Input) -> None:
        """Looks at a stream while something can be done for it."""
        wanted = (stream.room > 0 and not stream.held) if isinstance(stream, Output) else bool(stream.waiting)
        watched = stream.descriptor in self._polled
        if wanted and not watched:
            self._polled[stream.descriptor] = stream
            self._poll.register(stream.descriptor, select.POLLIN if isinstance(stream, Output) else select.POLLOUT)
        elif watched and not wanted:
            self._forget(stream)

    def _forget(self, stream: Output | Input) -> None:
        if self._polled.pop(stream.descriptor, None) is not None:
            self._poll.unregister(stream.descriptor)

    def _drop(self, stream: Output | Input) -> None:
        self._forget(stream)
        known = self._outputs if isinstance(stream, Output) else self._inputs
        if known.pop(stream.number, None) is not None:
            os.close(stream.descriptor)

    def _move(self, stream: Output | Input | None) -> None:
        if isinstance(stream, Output):
            self._pump(stream, _ROUNDS)
        elif stream is not None:
            self._pass_on(stream)

    def _pump(self, output: Output, rounds: int) -> bool:
        """Sends what there is; returns whether all of it is sent for now."""
        while output.number in self._outputs and not output.held:
            if output.room <= 0 or rounds <= 0:
                self._watch(output)
                return False
            if output.named and not output.readable():
                return True  # to read would look like its end as long as nobody has opened it
            size = min(_CHUNK, output.room, _CHUNK if output.left is None else output.left)
            try:
                data = os.read(output.descriptor, size) if size else b""
            except BlockingIOError:
                return True
            except OSError:
                data = b""
            if not data:
                self._drop(output)
                self._send(b"E", output.number)
                return True
            output.room -= len(data)
            output.sent += len(data)
            if output.left is not None:
                output.left -= len(data)
            rounds -= 1
            if output.reports:
                output.held = True
                self._forget(output)
                named = [each for each in self._outputs.values() if each.named]
                self._news.append(News(b"D", output.number, data, named))
                return False
            self._send(b"D", output.number, data)
        return not output.held

    def _pass_on(self, taker: Input) -> None:
        try:
            while taker.waiting:
                data = taker.waiting.popleft()
                written = os.write(taker.descriptor, data)
                taker.taken += written
                if written < len(data):
                    taker.waiting.appendleft(data[written:])
        except BlockingIOError:
            taker.waiting.appendleft(data)
        except OSError:  # nobody reads any more
            self._drop(taker)
            self._send(b"E", taker.number)
            return
        if taker.taken and (taker.taken >= _GRANT or not taker.waiting):
            self._send(b"W", taker.number, taker.taken.to_bytes(4, "big"))
            taker.taken = 0
        if taker.ended and not taker.waiting:
            self._drop(taker)
        else:
            self._watch(taker)

    def _only_write(self, taker: Input) -> None:
        """Lets go of the reading side of a pipe, so that whoever reads from it sees its end."""
        self._forget(taker)
        end = os.open(f"/proc/self/fd/{taker.descriptor}", os.O_WRONLY | os.O_NONBLOCK)
        os.close(taker.descriptor)
        taker.descriptor = end
        self._move(taker)

    # Answers

    def _answer(self, word: str, token: int, number: int = 0, descriptor: int | None = None) -> None:
        if word == "exit":
            text = f"exit {token} {number}".encode()
            outputs = [each for each in self._of_token.pop(token, ()) if each.number in self._outputs]
            self._news.append(News(b"A", token, text, outputs))
            return
        if descriptor is not None:
            self._open_reply(os.dup(descriptor))
        self._send(b"A", 0, f"{word} {token} {number}".encode())

    def _open_reply(self, opened: int) -> None:
        os.set_blocking(opened, False)
        if fcntl.fcntl(opened, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            output = Output(opened, self._reply_to)
            output.named = True
            self._add(output)
        else:
            self._add(Input(opened, self._reply_to))

    def _tell(self) -> bool:
        """Tells the news whose time has come; returns whether there may be more."""
        told = False
        for news in list(self._news):
            if time.monotonic() < news.patience and not all(self._reaches(*each) for each in news.after):
                continue
            self._news.remove(news)
            told = True
            if news.kind == b"A":
                if not news.data.endswith(b" 0"):
                    self._look_at_limits()
                self._send(b"A", 0, news.data)
                continue
            self._send(news.kind, news.number, news.data)
            if (output := self._outputs.get(news.number)) is not None:
                output.held = False
                self._watch(output)
        return told

    def _reaches(self, output: Output, far: int) -> bool:
        """Sends what there is of an output; returns whether it has come so far."""
        if output.number in self._outputs and (output.sent < far or output.held):
            self._pump(output, 1 << 10)
        return output.number not in self._outputs or (output.sent >= far and not output.held)

    def _kill(self, token: int, given: list[int], wanted: int) -> None:
        super()._kill(token, given, wanted)
        self._reap()
        self._hurry(wanted)

    def _hurry(self, wanted: int) -> None:
        """A process was killed: its end does not wait long for somebody who takes its output slowly."""
        for news in self._news:
            if news.kind == b"A" and news.number == wanted:
                news.patience = time.monotonic() + _KILLED_SECONDS

    def _look_at_limits(self) -> None:
        for number, name, places in _COUNTERS:
            count = self._counted(name, places)
            if count > self._hits[number]:
                self._hits[number] = count
                self._send(b"A", 0, f"hit 0 {number}".encode())

    @staticmethod
    def _counted(name: bytes, places: tuple[str, ...]) -> int:
        for place in places:
            try:
                opened = os.open(place, os.O_RDONLY)
            except OSError:
                continue
            try:
                lines = os.read(opened, 4096).split(b"\n")
            finally:
                os.close(opened)
            return sum(int(line.split()[1]) for line in lines if line.startswith(name + b" "))
        return 0

    # Files

    def _read(self, token: int, _: list[int], path: bytes, offset: int = 0, limit: int | None = None) -> None:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            about = self._regular(opened)
            wanted = max(0, about.st_size - offset)
            if limit is not None:
                wanted = min(wanted, limit)
            os.lseek(opened, min(offset, about.st_size), os.SEEK_SET)
            output = Output(os.dup(opened), self._reply_to, wanted)
        finally:
            os.close(opened)
        self._send(b"A", 0, f"opened {token} 0".encode())
        self._send(
            b"D", output.number, about.st_size.to_bytes(8, "big") + stat.S_IMODE(about.st_mode).to_bytes(4, "big")
        )
        output.room -= 12
        self._add(output)
        self._pump(output, _ROUNDS)

    def _regular(self, opened: int) -> os.stat_result:
        about = os.fstat(opened)
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, "a directory")
        if not stat.S_ISREG(about.st_mode) or about.st_dev == self._proc_device:
            raise OSError(errno.ENXIO, "no regular file")
        return about

    def _write(self, token: int, _: list[int], path: bytes, mode: int = -1, size: int = 0) -> None:
        supervisor.make_directories(os.path.dirname(path))
        flags = os.O_NONBLOCK | os.O_NOCTTY
        try:
            opened = os.open(path, os.O_WRONLY | flags)
        except FileNotFoundError:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
        try:
            self._regular(opened)
        except OSError:
            os.close(opened)
            raise
        self._sinks[self._reply_to] = Sink(opened, token, mode, size)

    @staticmethod
    def _store(sink: Sink, data: bytes) -> None:
        try:
            while data and not sink.failure:
                written = os.pwrite(sink.descriptor, data, sink.position)
                sink.position += written
                data = data[written:]
        except OSError as error:
            sink.failure = error.errno or errno.EIO

    def _finish(self, sink: Sink) -> None:
        try:
            if not sink.failure and sink.position == sink.size:
                os.ftruncate(sink.descriptor, sink.size)
                if sink.mode >= 0:
                    os.fchmod(sink.descriptor, sink.mode)
        except OSError as error:
            sink.failure = error.errno or errno.EIO
        finally:
            os.close(sink.descriptor)
        self._answer("failed" if sink.failure else "done", sink.token, sink.failure)
