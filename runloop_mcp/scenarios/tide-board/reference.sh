cat > board.py <<'PROGRAM'
"""The tide board."""

import json
import os
import re
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PID = "run/board.pid"


def load():
    """The table; ValueError where it is not valid."""
    with open("tide.csv", encoding="utf-8") as file:
        table = []
        for line in file.read().splitlines():
            time, level = line.split(";")
            table.append((minutes(time), int(level)))
    times = [time for time, _ in table]
    if len(table) < 2 or any(later <= earlier for earlier, later in zip(times, times[1:])):
        raise ValueError("the table does not rise")
    return table


def minutes(text):
    found = re.fullmatch(r"([0-9]{2}):([0-9]{2})", text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError("no time")
    return int(found[1]) * 60 + int(found[2])


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Board(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        table = self.server.table
        url = urlsplit(self.path)
        if url.path == "/health":
            return self.answer(200, f"ok {len(table)}", "text/plain")
        if url.path != "/tide":
            return self.say(404, "no such path")
        at = parse_qs(url.query, keep_blank_values=True).get("at", [""])[0]
        try:
            level = level_at(table, minutes(at))
        except ValueError:
            return self.say(400, "no time")
        if level is None:
            return self.say(404, "not in the table")
        return self.answer(200, json.dumps({"at": at, "cm": level}), "application/json")

    def say(self, status, text):
        self.answer(status, json.dumps({"error": text}), "application/json")

    def answer(self, status, text, kind):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def level_at(table, at):
    for (begin, low), (end, high) in zip(table, table[1:]):
        if begin <= at <= end:
            # Halves up, in whole numbers.
            return (2 * (low * (end - begin) + (high - low) * (at - begin)) + (end - begin)) // (2 * (end - begin))
    return None


def main():
    os.makedirs("run", exist_ok=True)
    server = Server(("127.0.0.1", 8123), Board)
    server.table = load()

    def reload(*_):
        try:
            server.table = load()
        except (ValueError, OSError):
            pass

    signal.signal(signal.SIGHUP, reload)
    with open(PID + ".new", "w") as file:
        file.write(f"{os.getpid()}\n")
    os.replace(PID + ".new", PID)
    server.serve_forever()


main()
PROGRAM
cat > keep-up.sh <<'PROGRAM'
#!/bin/bash
cd "$(dirname "$0")" || exit
trap '' HUP
while :; do
  (trap - HUP; exec python3 board.py)
  sleep 0.2
done
PROGRAM
chmod +x keep-up.sh
rm -f run/board.pid
setsid ./keep-up.sh > run/log 2>&1 < /dev/null &
for _ in {1..100}; do
  [ -e run/board.pid ] && exit 0
  sleep 0.05
done
exit 1
