/usr/bin/python3 -I - <<'PROGRAM'
import glob
import gzip
import json
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone


def lines(pattern):
    for name in sorted(glob.glob(f"logs/{pattern}"), reverse=True):
        with (gzip.open if name.endswith(".gz") else open)(name, "rt") as file:
            yield from file


def utc(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


booking, price, called, key_of, told, booked = {}, {}, {}, {}, set(), {}
for line in lines("front.log*"):
    at, _, rest = line.split(" ", 2)
    found = dict(re.findall(r"(\w+)=(\S+)", rest))
    if "POST /book" in rest:
        booking[found["req"]] = found["booking"]
        price[found["booking"]] = round(float(found["total"]) * 100)
        booked[found["booking"]] = utc(at)
    elif "pay call" in rest:
        key_of[found["key"]] = booking[found["req"]]
        called.setdefault(found["key"], utc(at))
    elif "confirmation sent" in rest:
        told.add(found["booking"])

events = []
for line in lines("pay-*.log*"):
    local = datetime.strptime(line[:23], "%d/%m/%Y %H:%M:%S,%f").replace(tzinfo=timezone(timedelta(hours=2)))
    events.append((local, line[24:].split()[0], dict(re.findall(r"(\w+)=(\S+)", line))))
events.sort(key=lambda event: event[0])
seen, off = set(), Counter()
for at, word, found in events:
    if word == "recv" and found["key"] not in seen:
        seen.add(found["key"])
        off[round((at - called[found["key"]]).total_seconds())] += 1
pay = off.most_common(1)[0][0]
charges, refunded = defaultdict(list), set()
for at, word, found in events:
    if word == "charged":
        charges[key_of[found["key"]]].append((at - timedelta(seconds=pay), found["tx"], int(found["amount"])))
    elif word == "refund":
        refunded.add(found["tx"])

off = Counter()
for line in lines("berth.jsonl"):
    entry = json.loads(line)
    if entry["op"] == "hold":
        off[round(entry["ms"] / 1000 - booked[entry["booking"]].timestamp())] += 1
double = sorted(name for name, found in charges.items() if len(found) > 1)
lost = 0
for name in double:
    kept = sum(amount for _, tx, amount in charges[name] if tx not in refunded)
    lost += max(kept - price[name], 0)
second, first = min((sorted(charges[name])[1][0], name) for name in double)
unaware = sorted(name for name, found in charges.items() if name not in told and any(c[1] not in refunded for c in found))
with open("answer.json", "w") as file:
    json.dump(
        {
            "double_charged": double,
            "never_told": unaware,
            "lost_cents": lost,
            "first": {"booking": first, "second_charge_utc": second.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")},
            "ahead_seconds": {"pay": pay, "berth": off.most_common(1)[0][0]},
        },
        file,
    )
PROGRAM
