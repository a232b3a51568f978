"""Judges the service that runs here, as one of its clients; the first argument names the part.

Nothing of the solution is started: what it answers is data. Exit status 0: everything is right.
"""

# --- boundary: the same lines in every judge -----------------------------------------------------------------------
# The solution runs in processes of its own. They cannot look into this one or write to what it has open, they are
# ended before the verdict is given, and nothing they print or return is more than data to compare.
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time


def protect():
    """Shuts other processes out of this one and makes it the parent of every orphan below it."""
    prctl = ctypes.CDLL(None).prctl
    for option, value in ((4, 0), (36, 1)):  # PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER
        if prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))) != 0:
            sys.exit("judge: the kernel does not let the judge protect itself")


def sweep():
    """Ends every process below this one, also those that left their group and session."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
                if parent == os.getpid():
                    os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue  # it ended by itself
        time.sleep(0.001)
    sys.exit("judge: the solution's processes do not end")


def run(argv, cwd, seconds=10.0, limit=1 << 20, stdin=os.devnull, **environment):
    """Runs the solution's code: (exit status, standard output), or None where it took or wrote too much."""
    env = {"PATH": "/usr/bin:/bin", "HOME": cwd, "TMPDIR": cwd, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    deadline = time.monotonic() + seconds
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "start_new_session": True}
    try:
        with open(stdin, "rb") as source:
            process = subprocess.Popen(argv, cwd=cwd, env=env | environment, stdin=source, **streams)
    except OSError:
        return None
    output, ended = bytearray(), False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not ended and len(output) <= limit and (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                chunk = os.read(process.stdout.fileno(), 65536)
                output += chunk
                ended = not chunk
    try:
        status = process.wait(max(0.0, deadline - time.monotonic()) if ended else 0.0)
    except subprocess.TimeoutExpired:
        status, ended = -1, False
        process.kill()
        process.wait()
    process.stdout.close()
    sweep()
    return (status, bytes(output)) if ended else None


# --- end of the boundary -------------------------------------------------------------------------------------------

import re
import socket
import stat

ADDRESS = ("127.0.0.1", 7411)
CONFIG, PID = "etc/counters.conf", "run/numberd.pid"
PATIENCE_SECONDS = 10.0  # where README.md says 3: the machine that this runs on may have other work
ORIGINAL = {"parcels": ("P", 1, 499), "letters": ("L", 500, 799), "customs": ("C", 800, 829)}


class Wrong(Exception):
    """What was looked at is not as README.md says."""


def expect(ok, what):
    if not ok:
        raise Wrong(what)


class Client:
    """A connection to the service."""

    def __init__(self):
        try:
            self.socket = socket.create_connection(ADDRESS, PATIENCE_SECONDS)
        except OSError as error:
            raise Wrong(f"nothing answers at 127.0.0.1:7411 ({error})") from None
        self.rest = b""
        self.called = []

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Wrong(f"a connection broke ({error})") from None

    def line(self):
        """The next line, whatever it is."""
        while b"\n" not in self.rest:
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise Wrong(f"no answer for {PATIENCE_SECONDS:g} seconds") from None
            except OSError as error:
                raise Wrong(f"a connection broke ({error})") from None
            expect(data, "a connection was closed")
            expect(len(self.rest) < 1 << 20, "a line without an end")
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return line.removesuffix(b"\r").decode(errors="replace")[:300]

    def answer(self):
        """The next line that is an answer."""
        while (line := self.line()).startswith("CALLED "):
            self.called.append(line)
        return line

    def ask(self, text):
        self.send(text.encode() + b"\n")
        return self.answer()

    def number(self, text):
        answer = self.ask(text)
        expect(re.fullmatch("OK [A-Z][0-9]{3}", answer), f"{text}: {answer!r}")
        return int(answer[4:])

    def status(self):
        answer = self.ask("STATUS")
        found = re.fullmatch("OK pid=([0-9]{1,9}) reloads=([0-9]{1,9}) config=(ok|bad)", answer)
        expect(found, f"STATUS: {answer!r}")
        return int(found[1]), int(found[2]), found[3]

    def empty(self, counter):
        """Calls whoever waits."""
        for _ in range(1001):
            answer = self.ask(f"CALL {counter}")
            if answer == "NONE":
                return
            expect(answer.startswith("OK "), f"CALL {counter}: {answer!r}")
        raise Wrong(f"{counter}: more numbers wait than there are")

    def over(self):
        """Whether the service closes the connection, or its process ends."""
        try:
            while self.socket.recv(65536):
                pass
        except socket.timeout:
            return False
        except OSError:
            return True
        return True


def after(number, counter, config=ORIGINAL):
    _, first, last = config[counter]
    return number + 1 if first <= number < last else first


def name(number, counter, config=ORIGINAL):
    return f"{config[counter][0]}{number:03}"


def content(path):
    """What a plain file of ours holds."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.read(handle, 4096) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    finally:
        os.close(handle)


def process():
    """The process in run/numberd.pid, which says of itself that it is the one that answers."""
    try:
        found = re.fullmatch(rb"\s*([0-9]{1,9})\s*", content(PID))
    except OSError as error:
        raise Wrong(f"{PID} can't be read ({error.strerror})") from None
    expect(found and int(found[1]) not in (0, 1, os.getpid(), os.getppid()), f"{PID} holds no process id")
    return int(found[1])


def signal_to(pid, what):
    try:
        os.kill(pid, what)
    except OSError as error:
        raise Wrong(f"process {pid} can't be sent a signal ({error.strerror})") from None


# --- answers


def protocol():
    client = Client()
    pid, _, config = client.status()
    expect(pid == process() and config == "ok", "STATUS is not about the process in run/numberd.pid, with a good file")
    client.empty("letters")
    number = client.number("TAKE letters")
    for _ in range(3):
        following = client.number("TAKE letters")
        expect(following == after(number, "letters"), f"after {number} comes {following}")
        number = following
    client.empty("letters")


def round_and_round():
    client = Client()
    client.empty("customs")
    taken = [client.number("TAKE customs") for _ in range(30)]
    expect(all(b == after(a, "customs") for a, b in zip(taken, taken[1:])), f"customs gives {taken}")
    expect(client.ask("TAKE customs").startswith("ERR"), "a number is given that waits already")
    expect(client.number("CALL customs") == taken[0], "it is not the first who is called")
    expect(client.number("TAKE customs") == taken[0], "after all others the first number comes again")
    called = [client.number("CALL customs") for _ in range(30)]
    expect(called == [*taken[1:], taken[0]], f"customs calls {called}")
    expect(client.ask("CALL customs") == "NONE", "somebody is called who is not there")


def errors():
    client = Client()
    bad = ["", "TAKE", "take parcels", "TAKE nobody", "CALL parcels now", "STATUS now", "PING", "WATCH x" + "x" * 300, "\0"]
    for text in bad:
        answer = client.ask(text)
        expect(answer.startswith("ERR"), f"{text[:20]!r} is answered by {answer!r}")
    client.send(b"TAKE \xff\xfe\nSTATUS " + b"A" * 300000 + b"\n" + b"CALL " * 41 + b"\n")
    for _ in range(3):
        expect(client.answer().startswith("ERR"), "a line that is none is not answered by ERR")
    client.send(b"STATUS\r\n")
    expect(client.answer().startswith("OK pid="), "a line that ends with CRLF")


def pieces():
    slow, quick = Client(), Client()
    quick.empty("letters")
    number = quick.number("TAKE letters")
    slow.send(b"TA")
    following = quick.number("TAKE letters")
    expect(following == after(number, "letters"), "another client's numbers")
    slow.send(b"KE letters\nTAKE let")
    third = slow.answer()
    slow.send(b"ters\nCALL nobody\nSTATUS\nTAKE letters")
    fourth = slow.answer()
    expect(slow.answer().startswith("ERR") and slow.answer().startswith("OK pid="), "several lines at once")
    wanted = [after(following, "letters"), after(after(following, "letters"), "letters")]
    expect([third, fourth] == [f"OK {name(n, 'letters')}" for n in wanted], "lines that come in pieces")


def many():
    rude = [Client() for _ in range(10)]
    for client in rude:
        client.socket.setblocking(False)
        try:
            client.socket.send(b"STATUS\n" * 5000)  # and never reads
        except OSError:
            pass
    clients = [Client() for _ in range(60)]
    clients[0].empty("parcels")
    number = clients[0].number("TAKE parcels")
    for client in clients:
        client.send(b"TAKE parcels\n")
    wanted = set()
    for _ in clients:
        number = after(number, "parcels")
        wanted.add(f"OK {name(number, 'parcels')}")
    expect({client.answer() for client in reversed(clients)} == wanted, "60 clients at once do not get 60 numbers in a row")
    clients[1].empty("parcels")


def displays():
    first, second, office, other = Client(), Client(), Client(), Client()
    for counter in ("parcels", "letters"):
        office.empty(counter)
    for client in (first, second, office, first):
        expect(client.ask("WATCH parcels") == "OK", "WATCH is not answered by OK")
    expect(other.ask("WATCH letters") == "OK", "WATCH is not answered by OK")
    second.socket.close()
    taken = [office.number("TAKE parcels") for _ in range(3)]
    office.number("TAKE letters")
    called = [office.number("CALL parcels") for _ in range(3)]
    expect(called == taken, f"{taken} were taken, {called} called")
    wanted = [f"CALLED parcels {name(number, 'parcels')}" for number in taken]
    for client, lines in ((first, wanted), (office, wanted), (other, [])):
        client.status()
        expect(client.called == lines, f"a display got {client.called[:5]}, not {lines}")


# --- reloads


class Config:
    """Puts other files in the place of the office's, and that one back."""

    def __enter__(self):
        self.pid = process()
        try:
            self.original = content(CONFIG)
        except OSError as error:
            raise Wrong(f"{CONFIG} can't be read ({error.strerror})") from None
        return self

    def put(self, data):
        with open(CONFIG + ".judge", "wb") as file:
            file.write(data)
        os.replace(CONFIG + ".judge", CONFIG)
        signal_to(self.pid, signal.SIGHUP)

    def good(self, client, counters):
        """Has the service read a good file."""
        _, reloads, _ = client.status()
        self.put("".join(f"{n} {a}\t{b}  {c}\n" for n, (a, b, c) in counters.items()).encode() + b"\n# that is all\n")
        self.until(client, lambda status: status[1:] == (reloads + 1, "ok"), "a good file is not read")

    def bad(self, client, data):
        _, reloads, _ = client.status()
        self.put(data)
        self.until(client, lambda status: status[2] == "bad", f"a file with {data[:30]!r} is not told to be bad")
        expect(client.status()[1] == reloads, "a bad file counts as a reload")

    def until(self, client, holds, what):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds(status := client.status()):
            expect(time.monotonic() < deadline, f"{what}: {status}")
            time.sleep(0.002)
        expect(status[0] == self.pid == process(), "a reload changes the process")

    def __exit__(self, *_):
        try:
            self.put(self.original)
        except (OSError, Wrong):
            print("the office's file could not be put back")


def reloads():
    with Config() as config:
        client, display, slow, busy = Client(), Client(), Client(), Client()
        for counter in ORIGINAL:
            client.empty(counter)
            expect(display.ask(f"WATCH {counter}") == "OK", "WATCH is not answered by OK")
        parcels = [client.number("TAKE parcels") for _ in range(2)]
        letter = client.number("TAKE letters")
        client.number("TAKE customs")
        slow.send(b"TAKE par")
        busy.send(b"STATUS\n" * 60 + b"STAT")
        changed = {"desk-b": ("D", 7, 9), "parcels": ("P", 1, 999), "letters": ("L", letter + 3, letter + 9)}
        config.good(client, changed)
        slow.send(b"cels\n")
        busy.send(b"US\n")
        parcels.append(after(parcels[-1], "parcels", changed))
        yield "what has begun to arrive goes on", slow.answer() == f"OK {name(parcels[-1], 'parcels')}"
        yield "no line gets lost", all(busy.answer().startswith("OK pid=") for _ in range(61))
        yield "a counter that is gone", client.ask("TAKE customs").startswith("ERR")
        yield "a counter whose range is another", client.number("TAKE letters") == letter + 3
        new = [client.ask("TAKE desk-b") for _ in range(4)]
        yield "a counter that is new", new[:3] == ["OK D007", "OK D008", "OK D009"] and new[3].startswith("ERR")
        called = [client.number("CALL parcels") for _ in range(3)]
        yield "who waits goes on waiting", called == parcels
        yield "numbers that wait keep their order", client.number("CALL letters") == letter
        display.status()
        wanted = [f"CALLED parcels {name(n, 'parcels')}" for n in called] + [f"CALLED letters {name(letter, 'letters')}"]
        yield "displays stay", display.called == wanted
        for data in (b"parcels P 1 499\nletters L 9 8\n", b"parcels P 1 9\nparcels Q 1 9\n", b"# nothing\n", b"parcels P one 9\n"):
            config.bad(client, data)
            yield "a bad file changes nothing", client.ask("CALL desk-b").startswith(("OK D", "NONE"))
            config.good(client, changed)
        back = {**changed, "customs": ("C", 810, 812)}
        config.good(client, back)
        yield "a counter that comes back is empty", client.ask("CALL customs") == "NONE"
        yield "and begins anew", client.number("TAKE customs") == 810
        display.called.clear()
        client.number("CALL customs")
        display.status()
        yield "and is watched again", display.called == ["CALLED customs C810"]
        config.good(client, ORIGINAL)
    client.status()
    yield "no connection was closed", slow.ask("STATUS").startswith("OK") and busy.ask("STATUS").startswith("OK")


# --- comes-back


def back(old):
    """A client of the service after its process was killed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    reason = "not even once"
    while time.monotonic() < deadline:
        try:
            client = Client()
            pid = client.status()[0]
            if pid == process() != old:
                return client
            reason = f"STATUS says {pid}, {PID} {process()}, and {old} was killed"
        except Wrong as wrong:
            reason = str(wrong)
        time.sleep(0.01)
    raise Wrong(f"it is not back within {PATIENCE_SECONDS:g} seconds: {reason}")


def comes_back():
    for turn in ("killed once", "killed again"):
        client, display = Client(), Client()
        for counter in ORIGINAL:
            client.empty(counter)
        taken = [client.number("TAKE parcels") for _ in range(6)]
        called = [client.number("CALL parcels") for _ in range(2)]
        client.send(b"TAKE letters\n" * 100)
        letters = [client.answer() for _ in range(20)]
        old = process()
        expect(display.status()[0] == old, "another process answers than is in run/numberd.pid")
        signal_to(old, signal.SIGKILL)
        yield f"{turn}: its connections end", display.over()
        client = back(old)
        rest = [client.number("CALL parcels") for _ in range(4)]
        yield f"{turn}: who waited is called, once, in order", [*called, *rest] == taken
        yield f"{turn}: nobody else is", client.ask("CALL parcels") == "NONE"
        yield f"{turn}: the numbers go on", client.number("TAKE parcels") == after(taken[-1], "parcels")
        queue = [f"OK {name(client.number('CALL letters'), 'letters')}" for _ in letters]
        yield f"{turn}: what was answered while others were not", queue == letters


def answers():
    for what, check in {
        "numbers in a row": protocol,
        "all numbers out, and round again": round_and_round,
        "lines that are none": errors,
        "lines in pieces": pieces,
        "many clients, and rude ones": many,
        "displays": displays,
    }.items():
        check()
        yield what, True


PARTS = {"answers": answers, "reloads": reloads, "comes-back": comes_back}


def main():
    protect()
    os.unlink(__file__)
    failed = 0
    try:
        for what, ok in PARTS[sys.argv[1]]():
            print("ok    " if ok else "FAILED", what)
            failed += not ok
    except Wrong as wrong:
        print("FAILED", wrong)
        failed += 1
    sys.exit(min(failed, 1))


main()
