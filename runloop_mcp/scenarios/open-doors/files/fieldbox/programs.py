"""What other programs do better."""

import subprocess

from fieldbox.store import Store


def digest(store: Store, path: str) -> str:
    """The SHA-256 of a file."""
    store.locate(path)
    found = subprocess.run(f"sha256sum '{path}'", shell=True, cwd=store.home, capture_output=True, text=True)
    if found.returncode != 0:
        raise FileNotFoundError(2, "No such file or directory")
    return found.stdout.split()[0]


def find(store: Store, word: str) -> list[tuple[str, int, str]]:
    """The lines of files that contain a word: path, number and text. Files with a NUL byte are passed over."""
    found = subprocess.run(["grep", "-rnIZF", word, "."], cwd=store.home, capture_output=True)
    lines = []
    for line in found.stdout.decode("utf-8", "replace").split("\n")[:-1]:
        path, _, rest = line.partition("\0")
        number, _, text = rest.partition(":")
        lines.append((path.removeprefix("./"), int(number), text))
    return sorted(lines)
