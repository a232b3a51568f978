"""One connection: requests from one stream, replies to another."""

import hmac
import os
from collections.abc import Iterable
from typing import BinaryIO
from urllib.parse import quote, unquote

from fieldbox import archive, programs
from fieldbox.database import Database
from fieldbox.store import Refused, Store

LARGEST = 1 << 20
"""Bytes of a file that is put."""


class Session:
    """Answers one request after another, until the requests end.

    Args:
        root: The directory with `store/`, a directory for each crew, and the database.
    """

    def __init__(self, root: str, requests: BinaryIO, replies: BinaryIO) -> None:
        self._root = os.path.realpath(root)
        self._database = Database(os.path.join(self._root, "fieldbox.db"))
        self._requests = requests
        self._replies = replies
        self._crew = ""

    def run(self) -> None:
        for line in iter(self._requests.readline, b""):
            words = [unquote(word) for word in line.decode("utf-8", "replace").split()]
            if not words:
                continue
            try:
                self._answer(words[0].upper(), words[1:])
            except Refused as error:
                self._say(f"ERR {error}")
            except OSError as error:
                self._say(f"ERR {error.strerror or 'that can not be done'}")
            except ValueError:
                self._say("ERR that is no such request")

    def _answer(self, command: str, words: list[str]) -> None:
        body = self._body(words) if command == "PUT" else b""
        if command == "HELLO":
            self._hello(*(words + ["", ""])[:2])
            return
        if not self._crew:
            raise Refused("say HELLO first")
        store = Store(os.path.join(self._root, "store", self._crew))
        match command, words:
            case "LIST", [] | [_]:
                self._lines(f"{quote(path)} {size}" for path, size in store.list(*words))
            case "GET", [path]:
                content = store.get(path)
                self._say(f"OK {len(content)}")
                self._replies.write(content)
            case "PUT", [path, _]:
                store.put(path, body)
                self._database.note(self._crew, "put", path, len(body))
                self._say("OK")
            case "UNPACK", [path] | [path, _]:
                count = archive.unpack(store, path, *words[1:])
                self._database.note(self._crew, "unpack", path, count)
                self._say(f"OK {count}")
            case "DIGEST", [path]:
                self._say(f"OK {programs.digest(store, path)}")
            case "FIND", [word] if word:
                self._lines(f"{quote(path)} {number} {text}" for path, number, text in programs.find(store, word))
            case "LOG", [] | [_] | [_, _]:
                entries = self._database.entries(self._crew, *words)
                self._lines(f"{number} {what} {quote(path)} {size}" for number, what, path, size in entries)
            case _:
                raise Refused("that is no such request")

    def _hello(self, crew: str, token: str) -> None:
        self._crew = crew
        if not hmac.compare_digest(self._database.token(crew).encode(), token.encode()):
            self._database.note(crew, "refused", "", 0)
            raise Refused("the token is wrong")
        os.makedirs(os.path.join(self._root, "store", crew), exist_ok=True)
        self._say(f"OK {quote(crew)}")

    def _body(self, words: list[str]) -> bytes:
        """What follows a PUT; it is read in any case, so that no part of it is taken for a request."""
        missing = int(words[1]) if len(words) == 2 and words[1].isdecimal() else 0
        body = bytearray()
        while missing and (chunk := self._requests.read(min(missing, 65536))):
            missing -= len(chunk)
            body += chunk if len(body) <= LARGEST else b""
        if missing or len(body) > LARGEST:
            raise Refused("that is too much, or not all of it")
        return bytes(body)

    def _lines(self, lines: Iterable[str]) -> None:
        told = list(lines)
        self._say(f"OK {len(told)}")
        for line in told:
            self._say(line)

    def _say(self, line: str) -> None:
        self._replies.write(line.encode("utf-8", "replace") + b"\n")
        self._replies.flush()
