"""Takes the pilots' books over into the journal. So far: the oldest books, where they are clean."""

import json
import pathlib
import sys
from datetime import datetime, timedelta


def entries(books):
    for book in books.glob("*.csv"):
        for line in book.read_text(encoding="latin-1").splitlines()[1:]:
            no, date, time, vessel, draught, pilot = line.split(";")
            feet, inches = draught.rstrip('"').split("'")
            at = datetime.strptime(f"{date} {time}", "%d.%m.%Y %H.%M") - timedelta(hours=1)
            yield {
                "id": f"P-{int(no):04}",
                "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "vessel": vessel,
                "draught_cm": round(int(feet) * 30.48 + int(inches or 0) * 2.54),
                "pilot": pilot,
            }


def main():
    books, journal = map(pathlib.Path, sys.argv[1:])
    journal.mkdir(exist_ok=True)
    for entry in entries(books):
        with open(journal / f"{entry['at'][:4]}.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
