cat > numberd.py <<'PROGRAM'
"""Hands out numbers. README.md tells how it should be."""

import asyncio
import json
import os
import re
import signal

COUNTERS, STATE, PID = "etc/counters.conf", "run/numbers.json", "run/numberd.pid"
LONGEST = 200


def read_counters():
    """Name -> (letter, first, last). Raises ValueError or OSError where the file is not as it should be."""
    counters = {}
    with open(COUNTERS, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            name, letter, first, last = line.split()
            first, last = (int(number) if re.fullmatch("[0-9]{1,3}", number) else -1 for number in (first, last))
            if not re.fullmatch("[a-z-]+", name) or not re.fullmatch("[A-Z]", letter) or name in counters:
                raise ValueError(line)
            if not 0 <= first <= last:
                raise ValueError(line)
            counters[name] = letter, first, last
    if not counters:
        raise ValueError("no counter")
    return counters


def replace(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)


class Office:
    """The numbers. What was answered stands in the state file before the answer leaves."""

    def __init__(self):
        self.counters, self.watchers = read_counters(), {}
        self.reloads, self.config = 0, "ok"
        try:
            with open(STATE) as file:
                self.state = json.load(file)
        except FileNotFoundError:
            self.state = {}
        self.forget()

    def forget(self):
        self.state = {name: self.state.get(name, {"last": None, "waiting": []}) for name in self.counters}

    def keep(self):
        replace(STATE, json.dumps(self.state))

    def reload(self):
        try:
            self.counters = read_counters()
        except (OSError, ValueError):
            self.config = "bad"
            return
        self.forget()
        self.keep()
        self.reloads, self.config = self.reloads + 1, "ok"

    def answer(self, line, client):
        words = line.split(" ")
        if words == ["STATUS"]:
            return f"OK pid={os.getpid()} reloads={self.reloads} config={self.config}"
        if len(words) != 2 or words[0] not in ("TAKE", "CALL", "WATCH") or words[1] not in self.counters:
            return "ERR what?"
        return getattr(self, words[0].lower())(words[1], client)

    def take(self, name, _):
        (letter, first, last), state = self.counters[name], self.state[name]
        given = state["last"]
        number = given + 1 if given is not None and first <= given < last else first
        if f"{letter}{number:03}" in state["waiting"]:
            return "ERR all numbers are out"
        state["last"] = number
        state["waiting"].append(f"{letter}{number:03}")
        self.keep()
        return f"OK {state['waiting'][-1]}"

    def call(self, name, _):
        if not self.state[name]["waiting"]:
            return "NONE"
        number = self.state[name]["waiting"].pop(0)
        self.keep()
        for watcher in self.watchers.get(name, ()):
            watcher.write(f"CALLED {name} {number}\n".encode())
        return f"OK {number}"

    def watch(self, name, client):
        self.watchers.setdefault(name, set()).add(client)
        return "OK"

    async def serve(self, reader, writer):
        rest, skipping = b"", False
        try:
            while data := await reader.read(65536):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    line = line.removesuffix(b"\r")
                    said = "ERR too long" if skipping or len(line) > LONGEST else self.read(line, writer)
                    skipping = False
                    writer.write(said.encode() + b"\n")
                if len(rest) > LONGEST + 1:
                    rest, skipping = b"", True
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            for watchers in self.watchers.values():
                watchers.discard(writer)
            writer.close()

    def read(self, line, writer):
        try:
            return self.answer(line.decode(), writer)
        except UnicodeDecodeError:
            return "ERR no UTF-8"


async def main():
    office = Office()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, office.reload)
    server = await asyncio.start_server(office.serve, "127.0.0.1", 7411, backlog=200)
    replace(PID, f"{os.getpid()}\n")
    await server.serve_forever()


asyncio.run(main())
PROGRAM
cat > keep-up <<'PROGRAM'
#!/bin/bash
# Starts numberd again whenever it ends.
cd -- "$(dirname -- "$0")"
while :; do
    /usr/bin/python3 numberd.py
    sleep 0.1
done
PROGRAM
chmod +x keep-up
setsid ./keep-up < /dev/null >> run/log 2>&1 &
for _ in {1..100}; do
    [[ -e run/numberd.pid ]] && exit 0
    sleep 0.05
done
cat run/log
exit 1
