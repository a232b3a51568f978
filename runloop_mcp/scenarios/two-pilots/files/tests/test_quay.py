"""One request at a time, over a store that answers at once."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Quay:
    def __init__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self.process = subprocess.Popen([sys.executable, "-m", "quay"], cwd=ROOT, **pipes)
        self.store = {}

    def ask(self, **request):
        self.say({"request": 1, **request})
        for line in self.process.stdout:
            said = json.loads(line)
            if "reply" in said:
                return said["result"]
            self.say({"call": said["call"], **self.carried_out(said)})

    def carried_out(self, call):
        key = call.get("get", call.get("put"))
        value, version = self.store.get(key, (None, 0))
        if "get" in call:
            return {"value": value, "version": version}
        if call.get("if_version", version) != version:
            return {"done": False}
        self.store[key] = call["value"], version + 1
        return {"done": True}

    def say(self, what):
        self.process.stdin.write(json.dumps(what) + "\n")

    def end(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


def test_a_day():
    quay = Quay()
    assert quay.ask(do="book", berth="A1", ship="Freya") == "done"
    assert quay.ask(do="book", berth="A1", ship="Tove") == "taken"
    assert quay.ask(do="move", ship="Freya", **{"from": "A1", "to": "B2"}) == "done"
    assert quay.ask(do="leave", berth="A1", ship="Freya") == "not there"
    assert quay.store["taken"][0] == 1
    assert quay.ask(do="leave", berth="B2", ship="Freya") == "done"
    assert quay.store["taken"][0] == 0
    quay.end()
