"""Makes files/logs.tar.xz, and prints the answers that it leads to. No scorer runs it, and no devbox ever holds it.

    python3 scoring/make_logs.py [--check]

A morning of a ferry line is played through, event by event: who holds a place and when, what either node's clock says,
who pays. The logs are what the services would have written about it, and the answers are taken from what happened, not
from the logs. So the reference, which reads the logs, and this program prove each other.

With --check nothing is written: the exit status says whether the archive and the judges hold what would be made now.
"""

import datetime
import gzip
import heapq
import io
import itertools
import json
import lzma
import pathlib
import random
import sys
import tarfile

FOLDER = pathlib.Path(__file__).resolve().parents[1]
ARCHIVE = FOLDER / "files" / "logs.tar.xz"
JUDGES = ("check.py", "lost.sh")

MIDNIGHT = datetime.datetime(2026, 6, 18, 22, tzinfo=datetime.timezone.utc)  # 2026-06-19 00:00 on the quay, UTC+2
WRONG_FROM, WRONG_UNTIL = 8 * 3600 + 41 * 60 + 17.6, 11 * 3600 + 3 * 60 + 44.1  # the starts of berths-b
AHEAD = 343.2
DOWN = 74.0  # seconds that a start of berths-b takes
BEGIN, END = 5.75 * 3600, 12.4 * 3600
TILL_SLOW = 6.8

CHANGES = [
    # done at, number, what
    ("05:50", 2231, "web: new text about the roadworks on the way to the quay"),
    ("06:15", 2232, "till: certificate of the card provider renewed"),
    ("06:40", 2233, "berths-a, berths-b: hold_seconds 900 -> 600, by reload"),
    ("07:05", 2234, "web: log level of the seat map back to info"),
    ("07:30", 2236, "berths-a: disk for the logs enlarged"),
    ("08:00", 2235, "till: reads the prices of the summer timetable"),
    ("08:20", 2238, "berths-a, berths-b: sweep every 20 s instead of every 30 s, by reload"),
    ("08:40", 2237, "berths-b: moved from host quay-2 to host quay-5, which has more memory"),
    ("08:45", 2239, "web: release 3.8 (remembers the number plate)"),
    ("09:10", 2241, "till: second connection to the card provider"),
    ("09:35", 2240, "web: release 3.8 taken back, 502 for two minutes"),
    ("10:15", 2242, "gate: new scanner at lane 2"),
    ("10:40", 2243, "berths-a: table of places compacted"),
    ("11:05", 2244, "berths-b: back on host quay-2, quay-5 is needed elsewhere"),
    ("11:40", 2245, "web: text about the roadworks removed"),
]
CAUSE = 2237
RELOADS = [(6 * 3600 + 40 * 60 + 9, "hold_seconds=600"), (8 * 3600 + 20 * 60 + 31, "sweep_seconds=20")]
PLACES = 96
PRICES = {"K": (4650, 5250, 6900), "S": (3150, 3600, 4400)}


def clock(seconds, digits=3):
    """A time of day on the quay, from seconds after midnight."""
    thousandths = round(seconds * 1000)
    text = f"{thousandths // 3600000:02}:{thousandths // 60000 % 60:02}:{thousandths // 1000 % 60:02}"
    return text + (f".{thousandths % 1000:03}" if digits else "")


def departure(crossing):
    return int(crossing[1:3]) * 3600 + int(crossing[3:]) * 60


class Morning:
    """Everything that happens, in the order of true time."""

    def __init__(self):
        self.chance = random.Random(277)
        self.queue, self.tick = [], itertools.count()
        self.logs = {name: [] for name in ("web", "berths-a", "berths-b", "till", "gate")}
        self.requests = set()
        self.sessions, self.orders = itertools.count(1187), itertools.count(70411)
        self.bookings, self.refs = itertools.count(2204), itertools.count(5120339)
        self.given = {"a": itertools.count(1), "b": itertools.count(1)}
        self.life = {"a": 0, "b": 0}
        self.up = {"a": True, "b": True}
        self.turn = 0
        self.sold_before = set()  # places
        self.places = {}  # (crossing, place) -> the hold that the table of places shows for it
        self.holds = {}  # (node, life, number) -> hold, in the memory of its node
        self.history = []  # every hold
        self.early = []  # holds released before their time, in order
        self.standing = {}  # booking -> hold
        self.paid = {}  # order -> what the line has of it

    # --- the clockwork -------------------------------------------------------------------------------------------

    def at(self, when, what, *arguments):
        heapq.heappush(self.queue, (when, next(self.tick), what, arguments))

    def play(self):
        for crossing in self.crossings():  # what was booked on the days before
            for number in range(1, PLACES + 1):
                if self.chance.random() < 0.28:
                    self.sold_before.add((crossing, number))
        when = BEGIN
        while when < END:
            when += self.chance.expovariate(1 / (62 if when < 7 * 3600 else 23 if when < 11.2 * 3600 else 40))
            self.at(when, self.visit)
        for when, what in RELOADS:
            for node in "ab":
                self.at(when + self.chance.random(), self.reload, node, what)
        for when in (WRONG_FROM, WRONG_UNTIL):
            self.at(when - DOWN, self.stop)
            self.at(when, self.start)
        for node in "ab":
            self.at(BEGIN + (4.1 if node == "a" else 11.7), self.sweep, node)
        for crossing in self.crossings():
            if departure(crossing) < END:
                self.at(departure(crossing) - 2400, self.boarding, crossing)
        self.at(11.9 * 3600, self.pay_some_back)
        for when in (7.9, 9.2, 10.1, 10.9, 11.6):
            self.at(when * 3600 + self.chance.random() * 600, self.desk)
        while self.queue and self.queue[0][0] < END:
            self.now, _, what, arguments = heapq.heappop(self.queue)
            what(*arguments)

    def crossings(self):
        for hour in range(8, 20):
            yield f"K{hour:02}{'30' if hour % 2 else '00'}"
            yield f"S{hour:02}15"

    def node_clock(self, node):
        wrong = node == "b" and WRONG_FROM <= self.now < WRONG_UNTIL - DOWN
        return self.now + (AHEAD if wrong else 0.0)

    def request(self):
        while True:
            text = f"q-{self.chance.randrange(1 << 24):06x}"
            if text not in self.requests:
                self.requests.add(text)
                return text

    def web(self, request, what, status, **fields):
        took = self.chance.randrange(3, 12) if what.startswith("GET") else self.chance.randrange(18, 70)
        end = MIDNIGHT + datetime.timedelta(seconds=self.now + took / 1000)
        stamp = f"{end:%Y-%m-%dT%H:%M:%S}.{end.microsecond // 1000:03}Z"
        text = " ".join([stamp, request, what, str(status), f"{took}ms", *(f"{k}={v}" for k, v in fields.items())])
        self.logs["web"].append((self.now + took / 1000, text))

    def berths(self, node, what, text, late=None):
        late = self.chance.randrange(1, 12) / 1000 if late is None else late
        self.logs[f"berths-{node}"].append(f"{clock(self.node_clock(node) + late)} {what:<7} {text}")

    def till(self, what, order, rest):
        when = MIDNIGHT.timestamp() + self.now - TILL_SLOW
        self.logs["till"].append((self.now + self.chance.random() * 2, f"{when:.3f} {what} {order} {rest}"))

    # --- who does what -------------------------------------------------------------------------------------------

    def visit(self):
        session = f"s-{next(self.sessions)}"
        for _ in range(self.chance.choice([0, 0, 1, 1])):
            self.web(self.request(), "GET /timetable", 200, session=session)
        crossing = self.wanted()
        if crossing is not None:
            self.at(self.now + self.chance.uniform(4, 50), self.hold, session, crossing)

    def wanted(self):
        ahead = [c for c in self.crossings() if departure(c) > self.now + 1800]
        weights = [(3 if c[0] == "K" else 2) * (0.02 + 0.45 ** ((departure(c) - self.now) / 3600)) for c in ahead]
        return self.chance.choices(ahead, weights)[0] if ahead else None

    def free(self, crossing):
        all_places = ((crossing, number) for number in range(1, PLACES + 1))
        return next((p[1] for p in all_places if p not in self.places and p not in self.sold_before), None)

    def hold(self, session, crossing):
        request = self.request()
        if 9.58 * 3600 < self.now < 9.615 * 3600:
            self.web(request, "POST /hold", 502, session=session, crossing=crossing)
            return
        self.turn += 1
        node = "ab"[self.turn % 2] if self.up["b"] else "a"
        place = self.free(crossing)
        if place is None:
            self.berths(node, "full", f"{request} {crossing}")
            self.web(request, "POST /hold", 409, session=session, crossing=crossing)
            if self.chance.random() < 0.6 and (other := self.wanted()) not in (None, crossing):
                self.at(self.now + self.chance.uniform(10, 40), self.hold, session, other)
            return
        seconds = 900 if self.now < RELOADS[0][0] else 600
        number = next(self.given[node])
        hold = {
            "node": node,
            "life": self.life[node],
            "name": f"{node}-{number:04}",
            "request": request,
            "place": (crossing, place),
            "until": self.node_clock(node) + seconds,
            "true_until": self.now + seconds,
            "booking": None,
        }
        self.places[crossing, place] = hold
        self.holds[node, hold["life"], number] = hold
        self.history.append(hold)
        where = f"{crossing}/{place:02}"
        self.berths(node, "hold", f"{request} {where} {hold['name']} until {clock(hold['until'], 0)}")
        self.web(request, "POST /hold", 201, session=session, crossing=crossing)
        kind = self.chance.random()
        if kind < 0.22:
            if self.chance.random() < 0.5 and (other := self.wanted()) is not None:
                self.at(self.now + self.chance.uniform(30, 200), self.hold, session, other)
            return  # never pays
        slow = self.chance.random()
        delay = self.chance.uniform(35, 170) if slow < 0.45 else self.chance.uniform(170, 590)
        if slow > 0.96:
            delay = self.chance.uniform(610, 800)
        order = f"O-{next(self.orders)}"
        amount = self.chance.choice(PRICES[crossing[0]])
        self.at(self.now + delay * 0.4, self.pay, session, order)
        if self.chance.random() < 0.07:
            self.at(self.now + delay * 0.7, self.charge, order, amount, hold, "declined")
        self.at(self.now + delay, self.charge, order, amount, hold, "ok")

    def pay(self, session, order):
        self.web(self.request(), "POST /pay", 303, session=session, order=order)

    def charge(self, order, amount, hold, result):
        ref = f"p{next(self.refs)}"
        self.till("charge", order, f"{amount} {result} ref={ref}")
        if result != "ok":
            return
        self.paid[order] = amount
        self.now += 0.2
        self.told(order, hold, ref, amount)
        if self.chance.random() < 0.15:  # the provider says it again
            self.at(self.now + self.chance.uniform(1, 90), self.again, order, hold, ref, amount)

    def again(self, order, hold, ref, amount):
        self.till("charge", order, f"{amount} ok ref={ref}")
        request = self.request()
        if hold["booking"] and not hold.get("cancelled") and hold["life"] == self.life[hold["node"]] and self.up["b"]:
            self.berths(hold["node"], "confirm", f"{request} {hold['name']} ok {hold['booking']}")
            self.web(request, "POST /paid", 200, order=order, booking=hold["booking"])

    def told(self, order, hold, ref, amount):
        """The till tells web that an order is paid; web has the hold confirmed by the node that gave it."""
        request, node = self.request(), hold["node"]
        if node == "b" and not self.up["b"]:
            self.web(request, "POST /paid", 502, order=order)
            return self.refund(order, amount, 0.4)
        if hold["life"] != self.life[node]:
            self.berths(node, "confirm", f"{request} {hold['name']} unknown")
            self.web(request, "POST /paid", 409, order=order)
            return self.refund(order, amount, 0.4)
        if self.node_clock(node) > hold["until"]:
            self.berths(node, "confirm", f"{request} {hold['name']} expired")
            self.web(request, "POST /paid", 409, order=order)
            return self.refund(order, amount, 0.4)
        booking = hold["booking"] = f"V-{next(self.bookings)}"
        hold["order"] = order
        self.standing[booking] = hold
        self.places[hold["place"]] = hold
        self.berths(node, "confirm", f"{request} {hold['name']} ok {booking}")
        self.web(request, "POST /paid", 200, order=order, booking=booking)
        if self.chance.random() < 0.12:
            self.at(self.now + self.chance.uniform(120, 4000), self.cancel, hold, amount)
        return None

    def refund(self, order, amount, after):
        self.now += after
        self.till("refund", order, f"{amount} ok ref=p{next(self.refs)}")
        self.paid[order] -= amount

    def cancel(self, hold, amount):
        if departure(hold["place"][0]) < self.now + 3600 or not self.up["b"]:
            return
        request, (crossing, place) = self.request(), hold["place"]
        node = self.chance.choice("ab")
        self.berths(node, "cancel", f"{request} {crossing}/{place:02} {hold['booking']}")
        self.web(request, "DELETE /booking", 204, booking=hold["booking"])
        hold["cancelled"] = True
        del self.standing[hold["booking"]]
        if self.places.get(hold["place"]) is hold:
            del self.places[hold["place"]]
        self.refund(hold["order"], amount * 9 // 10, 1.1)

    def desk(self):
        """A motorcycle goes on a place that is sold."""
        some = [h for h in self.standing.values() if departure(h["place"][0]) > self.now + 3600]
        if some:
            crossing, place = self.chance.choice(some)["place"]
            self.berths("a", "desk", f"{crossing}/{place:02} V-{next(self.bookings)} shares")

    # --- the nodes -----------------------------------------------------------------------------------------------

    def sweep(self, node):
        if node == "a" or self.up["b"]:
            late = 0.0
            route = "S" if node == "a" else "K"
            held = [hold for hold in self.places.values() if not hold["booking"] and hold["place"][0][0] == route]
            for hold in sorted(held, key=lambda hold: hold["place"]):
                if hold["until"] > self.node_clock(node):
                    continue
                crossing, place = hold["place"]
                del self.places[crossing, place]
                until = clock(hold["until"], 0)
                late += self.chance.randrange(1, 4) / 1000
                self.berths(node, "release", f"{crossing}/{place:02} {hold['name']} until {until}", late)
                if self.now < hold["true_until"]:
                    hold["early"] = True
                    self.early.append(hold)
        self.at(self.now + (30 if self.now < RELOADS[1][0] else 20), self.sweep, node)

    def reload(self, node, what):
        self.berths(node, "reload", what)

    def stop(self):
        self.berths("b", "stop", "asked to")
        self.up["b"] = False

    def start(self):
        self.up["b"] = True
        self.life["b"] += 1
        self.given["b"] = itertools.count(1)
        self.berths("b", "start", "berths 4.2, hold_seconds=600, sweep_seconds=20, sweeps K")

    # --- the quay ------------------------------------------------------------------------------------------------

    def boarding(self, crossing):
        """Who comes to the quay; of several with the same place the first gets it."""
        taken, cars = {}, [hold for hold in self.standing.values() if hold["place"][0] == crossing]
        for hold in self.chance.sample(cars, len(cars)):
            if self.chance.random() < 0.12:
                continue
            when = self.now + self.chance.uniform(0, 2000)
            taken.setdefault(hold["place"], []).append((when, hold["booking"]))
        for (_, place), those in taken.items():
            for rank, (when, booking) in enumerate(sorted(those)):
                said = f"place {place:02}" if rank == 0 else f"turned away, place {place:02} is taken"
                self.logs["gate"].append((when, f"{clock(when, 0)[:5]} {crossing} {booking} {said}"))
        for _ in range(self.chance.choice([0, 0, 1])):
            when = self.now + self.chance.uniform(0, 2000)
            said = self.chance.choice(["is for another day", "was cancelled", "is for another crossing"])
            booking = f"V-{self.chance.randrange(1730, 2190)}"
            self.logs["gate"].append((when, f"{clock(when, 0)[:5]} {crossing} {booking} turned away, {said}"))

    def pay_some_back(self):
        """The desk has paid back who complained the loudest: all of it, or half."""
        for number, hold in enumerate(self.lost()):
            if number % 4 == 1:
                self.refund(hold["order"], self.paid[hold["order"]] // (2 if number % 8 == 1 else 1), 0.3)

    # --- what comes of it ----------------------------------------------------------------------------------------

    def lost(self):
        """Bookings that stand, whose place was held later for another that stands, too."""
        by_place = {}
        for hold in self.history:
            if hold["booking"] in self.standing:
                by_place.setdefault(hold["place"], []).append(hold)
        found = [hold for holds in by_place.values() for hold in holds[:-1]]
        assert all(hold.get("early") for hold in found)
        return sorted(found, key=lambda hold: hold["booking"])

    def answers(self):
        lost = self.lost()
        return {
            "change": f"C-{CAUSE}",
            "clocks": {"berths-a": 0, "berths-b": round(AHEAD), "till": -round(TILL_SLOW)},
            "cut_short": len(self.early),
            "first": self.early[0]["request"],
            "lost": [hold["booking"] for hold in lost],
            "owed_cents": sum(self.paid[hold["order"]] for hold in lost),
        }


def files(morning):
    """Name -> contents: what the services left in their folder of logs."""
    logs = {name: [each if isinstance(each, str) else each[1] for each in lines] for name, lines in morning.logs.items()}
    for name in ("web", "till", "gate"):
        logs[name] = [text for _, text in sorted(morning.logs[name])]
    made = {"gate.log": logs["gate"], "changes.log": [f"{at}  C-{number}  {what}" for at, number, what in CHANGES]}
    for name, cuts in {"web": (0.3, 0.71), "till": (0.52,), "berths-a": (0.36, 0.68), "berths-b": (0.27, 0.66)}.items():
        lines = logs[name]
        edges = [0, *(int(len(lines) * cut) for cut in cuts), len(lines)]
        parts = list(itertools.pairwise(edges))
        for age, (start, stop) in zip(range(len(parts) - 1, -1, -1), parts):
            again = 6 if name.startswith("berths") and start else 0  # copied, then emptied: some stand in both
            ending = {0: ".log", 1: ".log.1"}.get(age, f".log.{age}.gz")
            made[name + ending] = lines[start - again : stop]
    return {name: ("\n".join(lines) + "\n").encode() for name, lines in made.items()}


def archive(made):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(made.items()):
            if name.endswith(".gz"):
                data = gzip.compress(data, mtime=0)
            member = tarfile.TarInfo(f"logs/{name}")
            member.size, member.mtime, member.mode = len(data), int(MIDNIGHT.timestamp()) + 45000, 0o644
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def held(tar_bytes):
    with tarfile.open(fileobj=io.BytesIO(tar_bytes)) as tar:
        read = {member.name.removeprefix("logs/"): tar.extractfile(member).read() for member in tar}
    return {name: gzip.decompress(data) if name.endswith(".gz") else data for name, data in read.items()}


def main():
    morning = Morning()
    morning.play()
    morning.now = END
    made, answers = files(morning), morning.answers()
    if "--check" in sys.argv:
        judges = [(FOLDER / "scoring" / name).read_text() for name in JUDGES]
        known = all(json.dumps(answers[key]) in judges[key == "lost"] for key in answers)
        sys.exit(0 if known and held(lzma.decompress(ARCHIVE.read_bytes())) == made else "not as it would be made now")
    ARCHIVE.write_bytes(lzma.compress(archive(made), preset=9))
    print(json.dumps(answers, indent=2))


main()
