"""What attacks aim at, and the programs that attack."""

import socket
from dataclasses import dataclass, field
from pathlib import Path


def program(name: str) -> Path:
    """A program that attacks from within a devbox."""
    return Path(__file__).parent / "programs" / f"{name}.py"


@dataclass(frozen=True)
class Secret:
    """A word that only the host knows, and the files that hold it."""

    word: str
    files: list[Path] = field(default_factory=list)

    def untouched(self) -> bool:
        """Whether every file still holds the word and nothing else."""
        return all(path.read_text() == self.word for path in self.files)


@dataclass(frozen=True)
class Service:
    """A service of the host: how to reach it, and whether somebody has."""

    target: tuple[str, str, object]
    listener: socket.socket

    def reached(self) -> bool:
        """Whether anything has come."""
        try:
            if self.target[1] == "SOCK_DGRAM":
                self.listener.recv(1)
            else:
                self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True
