/usr/bin/python3 -I - <<'PROGRAM'
import collections
import datetime
import gzip
import json
import pathlib
import statistics

MIDNIGHT = 1781820000  # 2026-06-19 00:00 on the quay


def lines(name):
    """A log's lines in order, those that stand in two files once."""
    found = []
    for path in (f"logs/{name}.log.2.gz", f"logs/{name}.log.1", f"logs/{name}.log"):
        if pathlib.Path(path).exists():
            with gzip.open(path, "rt") if path.endswith("gz") else open(path) as file:
                part = file.read().splitlines()
            again = next((n for n in range(20, 0, -1) if found[-n:] == part[:n]), 0)
            found += part[again:]
    return found


def clock(text):
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


requests = {}  # id -> (seconds after midnight, fields)
for line in lines("web"):
    stamp, request, method, path, status, took, *fields = line.split()
    at = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() - MIDNIGHT
    requests[request] = at, method + path, dict(field.split("=") for field in fields)

# What the nodes did, in the order in which they did it; a node's clock is the same from one start to the next.
Did = collections.namedtuple("Did", "node life at what words")
did = []
for node in ("a", "b"):
    life = 0
    for line in lines(f"berths-{node}"):
        at, what, *words = line.split()
        life += what == "start"
        did.append(Did(node, life, clock(at), what, words))
apart = collections.defaultdict(list)
for each in did:
    if each.what in ("hold", "confirm"):
        apart[each.node, each.life].append(each.at - requests[each.words[0]][0])
ahead = {life: round(statistics.median(found)) for life, found in apart.items()}


def true(node, life, at):
    return at - ahead[node, life]


# Holds by name are unique only within a life, so by name and the time at which they were given.
Hold = collections.namedtuple("Hold", "name request place given until life")
holds = collections.defaultdict(list)
for each in did:
    if each.what == "hold":
        request, place, name, _, until = each.words
        given, until = (true(each.node, each.life, at) for at in (each.at, clock(until)))
        holds[name].append(Hold(name, request, place, given, until, each.life))


def known(name, at):
    return max((hold for hold in holds[name] if hold.given <= at + 1), key=lambda hold: hold.given)


cut_short, bookings, canceled = [], {}, set()
for each in did:
    at = true(each.node, each.life, each.at) if each.what != "stop" else 0
    if each.what == "release":
        hold = known(each.words[1], at)
        if at < hold.until - 2:
            cut_short.append((at, hold.request))
    elif each.what == "confirm" and each.words[2] == "ok":
        request, name, _, booking = each.words
        bookings[booking] = known(name, at), requests[request][2]["order"]
    elif each.what == "cancel":
        canceled.add(each.words[2])

standing = collections.defaultdict(list)
for booking, (hold, _) in bookings.items():
    if booking not in canceled:
        standing[hold.place].append((hold.given, booking))
lost = sorted(booking for those in standing.values() for _, booking in sorted(those)[:-1])

money, seen, apart = collections.Counter(), set(), []
paid = {fields["order"]: at for at, what, fields in requests.values() if what == "POST/paid"}
for line in lines("till"):
    at, what, order, cents, result, ref = line.split()
    if result == "ok" and ref not in seen:
        seen.add(ref)
        money[order] += int(cents) if what == "charge" else -int(cents)
        if what == "charge":
            apart.append(float(at) - MIDNIGHT - paid[order])

at_ten = {each.node: ahead[each.node, each.life] for each in did if true(each.node, each.life, each.at) < 36000}
answer = {
    # The clock of berths-b is wrong from its start on quay-5 to its start back on quay-2, so it takes holds of others, and
    # those that it gave before, for expired.
    "change": "C-2237",
    "clocks": {"berths-a": at_ten["a"], "berths-b": at_ten["b"], "till": round(statistics.median(apart))},
    "cut_short": len(cut_short),
    "first": min(cut_short)[1],
    "lost": lost,
    "owed_cents": sum(money[bookings[booking][1]] for booking in lost),
}
pathlib.Path("answer.json").write_text(json.dumps(answer, indent=2) + "\n")
PROGRAM
