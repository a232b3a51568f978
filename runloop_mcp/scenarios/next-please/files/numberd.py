"""Hands out numbers. README.md tells how it should be."""

import os
import signal
import socketserver
import sys


def read_counters():
    counters = {}
    with open("etc/counters.conf") as file:
        for line in file:
            if line.startswith("#"):
                continue
            name, letter, first, last = line.split()
            counters[name] = {"letter": letter, "first": int(first), "last": int(last), "next": int(first), "waiting": []}
    return counters


counters = read_counters()
watchers = []


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            word, _, name = line.decode().strip().partition(" ")
            self.say(self.answer(word, counters.get(name)))

    def say(self, text):
        self.wfile.write(text.encode() + b"\n")

    def answer(self, word, counter):
        if word == "STATUS":
            return f"OK pid={os.getpid()}"
        if word == "TAKE":
            number = counter["next"]
            counter["next"] = number + 1 if number < counter["last"] else counter["first"]
            counter["waiting"].append(number)
            return f"OK {counter['letter']}{number:03}"
        if word == "CALL":
            if not counter["waiting"]:
                return "NONE"
            number = f"{counter['letter']}{counter['waiting'].pop(0):03}"
            for watcher in watchers:
                watcher.say(f"CALLED {number}")
            return f"OK {number}"
        if word == "WATCH":
            watchers.append(self)
            return "OK"
        return "ERR"


def reload(*_):
    os.execv(sys.executable, [sys.executable, *sys.argv])


signal.signal(signal.SIGHUP, reload)
socketserver.TCPServer.allow_reuse_address = True
with socketserver.TCPServer(("0.0.0.0", 7411), Client) as server:
    server.serve_forever()
