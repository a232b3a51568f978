"""Plays the store and other servers, in orders of its own choice; the argument names the part. Exit status 0: all right."""

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

import json
import random

SECONDS = 3.0
MOST_CALLS = 100
RESULTS = {"book": {"done", "taken"}, "leave": {"done", "not there"}, "move": {"done", "taken", "not there"}}


class Wrong(Exception):
    """The solution breaks a rule."""


class Harbour:
    """One process of the solution, and the store that it calls."""

    def __init__(self, work, **berths):
        self.store = {f"berth/{berth}": (ship, 1) for berth, ship in berths.items()}
        self.store["taken"] = (len([ship for ship in berths.values() if ship]), 1)
        self.pending = []
        self.requests, self.replies, self.canceled = {}, {}, set()
        self.writes = []
        self.calls = self.last = 0
        self.fences = {}
        env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        argv = ["/usr/bin/python3", "-m", "quay"]
        self.process = subprocess.Popen(argv, cwd=work, env=env, start_new_session=True, **pipes)
        self.received = bytearray()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.selector.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()
        sweep()

    # What goes over the line

    def say(self, what):
        try:
            self.process.stdin.write(json.dumps(what).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise Wrong("it ended") from None

    def hear(self):
        """Takes the next line in."""
        deadline = time.monotonic() + SECONDS
        while b"\n" not in self.received:
            left = deadline - time.monotonic()
            if left <= 0 or len(self.received) > 100_000 or not self.selector.select(left):
                raise Wrong("it neither calls nor replies")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise Wrong("it ended")
            self.received += chunk
        line, _, rest = bytes(self.received).partition(b"\n")
        self.received = bytearray(rest)
        try:
            said = json.loads(line)
            self.take(said)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Wrong("it says what is no line of the protocol") from None

    def take(self, said):
        if "reply" in said:
            number, result = said["reply"], said["result"]
            known = self.fences if number in self.fences else self.requests
            if number in self.replies or number not in known:
                raise Wrong("it replies twice, or to nothing")
            if result not in RESULTS[known[number]["do"]] and not (result == "canceled" and number in self.canceled):
                raise Wrong("it gives a result that is none")
            self.replies[number] = result
            return
        key = said.get("get", said.get("put"))
        if not isinstance(key, str) or not isinstance(said["call"], int):
            raise Wrong("it makes a call that is none")
        self.calls += not key.startswith("berth/fence")
        if self.calls > MOST_CALLS * max(1, len(self.requests)):
            raise Wrong("it makes too many calls")
        self.pending.append(said)

    # What the store does

    def carry_out(self, call):
        """Carries a call out, once."""
        if "outcome" in call:
            return
        key = call.get("get", call.get("put"))
        value, version = self.store.get(key, (None, 0))
        if "get" in call:
            call["outcome"] = {"value": value, "version": version}
        elif call.get("if_version") not in (None, version):
            call["outcome"] = {"done": False}
        else:
            call["outcome"] = {"done": True}
            self.write(key, call["value"])

    def write(self, key, value):
        old, version = self.store.get(key, (None, 0))
        if key.startswith("berth/") and old and value and value != old:
            raise Wrong(f"a ship is put where another lies: {key}")
        self.store[key] = (value, version + 1)
        self.writes.append((key, old, value))

    def answer(self, call):
        self.carry_out(call)
        self.pending.remove(call)
        self.say({"call": call["call"], **call["outcome"]})

    def other(self, key, value):
        """Another server writes, and counts as it should."""
        old, version = self.store.get(key, (None, 0))
        self.store[key] = (value, version + 1)
        if key != "taken" and bool(old) != bool(value):
            taken, version = self.store["taken"]
            self.store["taken"] = (taken + (1 if value else -1), version + 1)

    # What is asked for

    def ask(self, do, **what):
        self.last += 1
        self.requests[self.last] = {"do": do, **what}
        self.say({"request": self.last, "do": do, **what})
        return self.last

    def book(self, berth, ship):
        return self.ask("book", berth=berth, ship=ship)

    def leave(self, berth, ship):
        return self.ask("leave", berth=berth, ship=ship)

    def move(self, ship, begin, end):
        return self.ask("move", ship=ship, **{"from": begin, "to": end})

    def cancel(self, number):
        self.canceled.add(number)
        self.say({"cancel": number})

    # Letting it come to rest: a request that has to be answered at once, whatever else waits, shows that the rest was read

    def settle(self):
        for _ in range(2):
            number = 1_000_000 + len(self.fences)
            self.fences[number] = {"do": "leave"}
            berth = f"fence{number}"
            self.say({"request": number, "do": "leave", "berth": berth, "ship": "nobody"})
            while number not in self.replies:
                mine = [call for call in self.pending if call.get("get") == f"berth/{berth}"]
                if mine:
                    self.answer(mine[0])
                else:
                    self.hear()

    def open(self):
        return [number for number in self.requests if number not in self.replies]

    def run(self, choose, *numbers):
        """Answers calls in an order until these requests, or all, are replied to."""
        wanted = numbers or tuple(self.requests)
        self.settle()
        while [number for number in wanted if number not in self.replies]:
            if not self.pending:
                raise Wrong("it stands still")
            call = choose(self.pending)
            if call is None:
                raise Wrong("it waits for what is none of its business")
            self.answer(call)
            self.settle()

    def ship(self, berth):
        return self.store.get(f"berth/{berth}", (None, 0))[0]

    def results(self, *numbers):
        return [self.replies[number] for number in numbers]

    def check(self, ok, what):
        if not ok:
            raise Wrong(what)

    def check_count(self):
        there = len([key for key, (ship, _) in self.store.items() if key.startswith("berth/") and ship])
        self.check(self.store["taken"][0] == there, f"{there} berths are taken, and the count is {self.store['taken'][0]}")


# Orders in which calls are answered


def oldest(pending):
    return pending[0]


def newest(pending):
    return pending[-1]


def gets_first(pending):
    return next((call for call in pending if "get" in call), pending[0])


ORDERS = (oldest, newest, gets_first)


def but(held):
    """All calls but one that the store keeps for long."""
    return lambda pending: next((call for call in pending if call is not held), None)


def put_on(harbour, key):
    """Goes on until a put on a key waits to be carried out."""
    harbour.settle()
    while True:
        for call in harbour.pending:
            if call.get("put") == key:
                return call
        if not harbour.pending:
            raise Wrong("it does not write")
        harbour.answer(harbour.pending[0])
        harbour.settle()


# The parts. Each gives cases: a name, and what is done


def one_ship(work):
    def two_at_once(order):
        with Harbour(work, A=None) as h:
            first, second = h.book("A", "Freya"), h.book("A", "Tove")
            h.run(order)
            h.check(sorted(h.results(first, second)) == ["done", "taken"], "one is done, one is taken")
            winner = "Freya" if h.replies[first] == "done" else "Tove"
            h.check(h.ship("A") == winner, "who was told `done` lies there")

    def another_server_first():
        with Harbour(work, A=None) as h:
            number = h.book("A", "Freya")
            put_on(h, "berth/A")
            h.other("berth/A", "Other")
            h.run(oldest)
            h.check(h.replies[number] == "taken" and h.ship("A") == "Other", "the other server's ship lies there")

    def another_server_before():
        with Harbour(work, A=None, B=None) as h:
            h.run(oldest, h.book("A", "Freya"))
            h.other("berth/A", None)
            again = h.book("A", "Tove")
            h.run(oldest)
            h.check(h.replies[again] == "done" and h.ship("A") == "Tove", "the berth is free again")
            h.run(oldest, h.leave("B", "Other"))
            h.other("berth/B", "Other")
            number = h.leave("B", "Other")
            h.run(oldest)
            h.check(h.replies[number] == "done" and h.ship("B") is None, "a ship that came meanwhile leaves")

    def another_ship_meanwhile():
        with Harbour(work, A="Freya") as h:
            number = h.leave("A", "Freya")
            put_on(h, "berth/A")
            h.other("berth/A", None)
            h.other("berth/A", "Other")
            h.run(oldest)
            h.check(h.replies[number] == "not there" and h.ship("A") == "Other", "the ship that came stays")

    def free_after_all():
        with Harbour(work, A=None) as h:
            number = h.book("A", "Freya")
            put_on(h, "berth/A")
            h.other("berth/A", "Other")
            h.other("berth/A", None)
            h.run(oldest)
            h.check(h.replies[number] == "done" and h.ship("A") == "Freya", "a berth that is free is given")

    def the_same_ship_twice():
        with Harbour(work, A=None) as h:
            numbers = h.book("A", "Freya"), h.book("A", "Freya")
            h.run(gets_first)
            h.check(sorted(h.results(*numbers)) == ["done", "taken"], "one is done, one is taken")

    for order in ORDERS:
        yield f"two at once, {order.__name__}", lambda order=order: two_at_once(order)
    for case in (another_server_first, another_server_before, another_ship_meanwhile, free_after_all, the_same_ship_twice):
        yield case.__name__, case


def no_standstill(work):
    def against_each_other(order):
        with Harbour(work, A="Freya", B="Tove") as h:
            numbers = h.move("Freya", "A", "B"), h.move("Tove", "B", "A")
            h.run(order)
            h.check(h.results(*numbers) == ["taken", "taken"], "neither has room")
            h.check((h.ship("A"), h.ship("B")) == ("Freya", "Tove"), "both stay")

    def in_a_circle():
        with Harbour(work, A="Freya", B="Tove", C="Vind") as h:
            numbers = h.move("Freya", "A", "B"), h.move("Tove", "B", "C"), h.move("Vind", "C", "A")
            h.run(gets_first)
            h.check(set(h.results(*numbers)) == {"taken"}, "none has room")

    def to_where_it_is():
        with Harbour(work, A="Freya") as h:
            number, absent = h.move("Freya", "A", "A"), h.move("Tove", "A", "A")
            h.run(oldest)
            h.check(h.results(number, absent) == ["done", "not there"], "to where it lies")
            h.check(h.ship("A") == "Freya" and h.store["taken"][0] == 1, "it stays")

    def others_do_not_wait():
        with Harbour(work, A=None, B=None, C="Vind") as h:
            h.book("A", "Freya")
            h.settle()
            h.check(bool(h.pending), "it calls the store")
            held = h.pending[0]
            h.run(but(held), h.book("B", "Tove"))
            h.run(but(held), h.move("Vind", "C", "D"))
            h.run(but(held), h.leave("D", "Vind"))
            h.run(oldest)
            h.check_count()

    def the_count_keeps_nobody_waiting():
        with Harbour(work, A=None, B=None) as h:
            first = h.book("A", "Freya")
            held = put_on(h, "taken")
            second = h.book("B", "Tove")
            h.run(but(held), second)
            h.check(h.replies[second] == "done", "the other berth is given")
            h.run(oldest)
            h.check(h.replies[first] == "done", "the berth is given")
            h.check_count()

    def others_write_all_the_time():
        with Harbour(work, A=None) as h:
            number = h.book("A", "Freya")
            for _ in range(30):
                h.settle()
                if number in h.replies:
                    break
                if not h.pending:
                    raise Wrong("it stands still")
                call = h.pending[0]
                if call.get("put") == "berth/A":
                    h.other("berth/A", None)
                h.answer(call)
            h.run(oldest)
            h.check((h.replies[number] == "done") == (h.ship("A") == "Freya"), "the answer tells what is there")

    for order in ORDERS:
        yield f"against each other, {order.__name__}", lambda order=order: against_each_other(order)
    for case in (in_a_circle, to_where_it_is, others_do_not_wait, the_count_keeps_nobody_waiting, others_write_all_the_time):
        yield case.__name__, case


def moves(work):
    def somewhere_at_every_moment(order):
        with Harbour(work, A="Freya", B=None) as h:
            number = h.move("Freya", "A", "B")
            h.settle()
            while number not in h.replies:
                h.check(bool(h.pending), "it stands still")
                h.answer(order(h.pending))
                h.check("Freya" in (h.ship("A"), h.ship("B")), "it lies somewhere")
                h.settle()
            h.check(h.replies[number] == "done", "there is room")
            h.check((h.ship("A"), h.ship("B")) == (None, "Freya"), "it has moved")
            h.check_count()

    def another_takes_the_berth():
        with Harbour(work, A="Freya", B=None) as h:
            number = h.move("Freya", "A", "B")
            put_on(h, "berth/B")
            h.other("berth/B", "Other")
            h.run(oldest)
            h.check(h.replies[number] == "taken", "another took the berth")
            h.check((h.ship("A"), h.ship("B")) == ("Freya", "Other"), "it stays")
            h.check_count()

    def it_leaves_meanwhile(replaced):
        with Harbour(work, A="Freya", B=None) as h:
            number = h.move("Freya", "A", "B")
            put_on(h, "berth/A")
            h.other("berth/A", None)
            if replaced:
                h.other("berth/A", "Other")
            h.run(oldest)
            h.check(h.replies[number] == "not there", "it has left")
            h.check((h.ship("A"), h.ship("B")) == ("Other" if replaced else None, None), "it lies nowhere")
            h.check_count()

    def to_two_berths(order):
        with Harbour(work, A="Freya", B=None, C=None) as h:
            numbers = h.move("Freya", "A", "B"), h.move("Freya", "A", "C")
            h.run(order)
            h.check(sorted(h.results(*numbers)) == ["done", "not there"], "one is done")
            end = "B" if h.replies[numbers[0]] == "done" else "C"
            h.check([berth for berth in "ABC" if h.ship(berth)] == [end], "it lies at one berth")
            h.check_count()

    def leaves_and_moves(order):
        with Harbour(work, A="Freya", B=None) as h:
            left, moved = h.leave("A", "Freya"), h.move("Freya", "A", "B")
            h.run(order)
            h.check(sorted(h.results(left, moved)) == ["done", "not there"], "one of the two is done")
            there = [h.ship("A"), h.ship("B")]
            h.check(there == ([None, "Freya"] if h.replies[moved] == "done" else [None, None]), "it lies where it should")
            h.check_count()

    def one_comes_and_one_moves(order):
        with Harbour(work, A="Freya", B=None) as h:
            booked, moved = h.book("B", "Tove"), h.move("Freya", "A", "B")
            h.run(order)
            h.check(sorted(h.results(booked, moved)) == ["done", "taken"], "one of the two is done")
            there = [h.ship("A"), h.ship("B")]
            h.check(there == ([None, "Freya"] if h.replies[moved] == "done" else ["Freya", "Tove"]), "each lies somewhere")
            h.check_count()

    for order in ORDERS:
        for case in (somewhere_at_every_moment, to_two_berths, leaves_and_moves, one_comes_and_one_moves):
            yield f"{case.__name__}, {order.__name__}", lambda case=case, order=order: case(order)
    yield "another takes the berth", another_takes_the_berth
    yield "it leaves meanwhile", lambda: it_leaves_meanwhile(False)
    yield "another comes meanwhile", lambda: it_leaves_meanwhile(True)


def cancels(work):
    def at_each_moment(do):
        for steps in range(12):
            with Harbour(work, A="Freya" if do != "book" else None, B=None) as h:
                number = {
                    "book": lambda: h.book("A", "Freya"),
                    "leave": lambda: h.leave("A", "Freya"),
                    "move": lambda: h.move("Freya", "A", "B"),
                }[do]()
                h.settle()
                for _ in range(steps):
                    if number not in h.replies:
                        h.answer(h.pending[0])
                        h.settle()
                ended = number in h.replies
                begun = bool(h.writes) or any("put" in call for call in h.pending)
                h.cancel(number)
                h.settle()
                if not ended and not begun:
                    h.check(h.replies.get(number) == "canceled", "nothing was written, so it is canceled at once")
                while h.pending:
                    h.answer(h.pending[0])
                    h.settle()
                h.check(number in h.replies, "it is answered")
                canceled = h.replies[number] == "canceled"
                h.check(canceled == (not begun and not ended), "it is canceled only if nothing was written")
                before = {"book": (None, None), "leave": ("Freya", None), "move": ("Freya", None)}[do]
                after = {"book": ("Freya", None), "leave": (None, None), "move": (None, "Freya")}[do]
                h.check((h.ship("A"), h.ship("B")) == (before if canceled else after), "all or nothing was done")
                h.check_count()
                if h.ship("A"):
                    h.run(oldest, h.leave("A", "Freya"))
                again = h.book("A", "Tove")
                h.run(oldest, again)
                h.check(h.replies[again] == "done", "the berth can be used afterwards")
                if ended:
                    return

    def of_one_that_waits():
        with Harbour(work, A=None) as h:
            first, second = h.book("A", "Freya"), h.book("A", "Tove")
            h.settle()
            h.cancel(second)
            h.run(oldest)
            h.check(h.results(first, second) == ["done", "canceled"], "the other goes on")
            h.check(h.ship("A") == "Freya", "the other lies there")
            h.check_count()

    def of_nothing():
        with Harbour(work, A=None) as h:
            h.cancel(77)
            number = h.book("A", "Freya")
            h.run(oldest)
            h.cancel(number)
            h.cancel(number)
            h.settle()
            h.check(h.replies[number] == "done", "it was done")

    for do in ("book", "leave", "move"):
        yield f"{do}, at each moment", lambda do=do: at_each_moment(do)
    yield "of one that waits", of_one_that_waits
    yield "of nothing", of_nothing


def count(work):
    def all_at_once(order):
        with Harbour(work, A=None, B=None, C="Vind", D="Sol") as h:
            h.book("A", "Freya"), h.book("B", "Tove"), h.leave("C", "Vind"), h.leave("D", "Sol"), h.book("E", "Rask")
            h.run(order)
            h.check(set(h.replies[number] for number in h.requests) == {"done"}, "nothing stands in the way")
            h.check_count()

    def others_count_too():
        with Harbour(work, A=None) as h:
            h.book("A", "Freya")
            for berth in ("X", "Y", "Z"):
                put_on(h, "taken")
                h.other(f"berth/{berth}", "Other")
                h.answer(next(call for call in h.pending if call.get("put") == "taken"))
            h.run(oldest)
            h.check_count()

    def any_order(seed):
        draw = random.Random(f"harbour {seed}")
        with Harbour(work, A=None, B="Tove", C=None) as h:
            for _ in range(9):
                ship, berths = draw.choice(("Freya", "Tove", "Vind")), draw.sample("ABC", 2)
                do = draw.choice(("book", "book", "leave", "leave", "move"))
                h.move(ship, *berths) if do == "move" else h.ask(do, berth=berths[0], ship=ship)
            written = 0
            h.settle()
            while h.open():
                h.check(bool(h.pending), "it stands still")
                call = draw.choice(h.pending)
                if draw.random() < 0.4:
                    h.carry_out(call)
                elif written < 3 and draw.random() < 0.1:
                    berth = draw.choice("DE")
                    h.other(f"berth/{berth}", None if h.ship(berth) else "Other")
                    written += 1
                else:
                    h.answer(call)
                    h.settle()
            h.check_count()

    for order in ORDERS:
        yield f"all at once, {order.__name__}", lambda order=order: all_at_once(order)
    yield "others count too", others_count_too
    for seed in (2, 3, 5, 7):
        yield f"any order {seed}", lambda seed=seed: any_order(seed)


PARTS = {"one-ship": one_ship, "no-standstill": no_standstill, "moves": moves, "cancels": cancels, "count": count}


def main():
    protect()
    os.unlink(__file__)  # what is tried is for nobody else to read
    failed = 0
    for name, case in PARTS[sys.argv[1]](os.getcwd()):
        try:
            case()
        except Wrong as wrong:
            failed += 1
            print("FAILED", name, "-", wrong)
        else:
            print("ok    ", name)
    sys.exit(min(failed, 1))


main()
