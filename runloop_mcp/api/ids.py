"""Ids as the wire has them: a prefix that names the kind, and 21 base-62 characters."""

import hashlib
import secrets
import string
from enum import StrEnum

_ALPHABET = string.digits + string.ascii_letters
_LENGTH = 21
_DRAWN = 32
"""Random bytes drawn for an id; those from the last multiple of 62 on are thrown away, so that every character is
equally likely."""
_FAIR = 256 // len(_ALPHABET) * len(_ALPHABET)
_CHARACTER_OF = (_ALPHABET * 5).encode()[:256]
_UNFAIR = bytes(range(_FAIR, 256))


class IdPrefix(StrEnum):
    """The kinds of thing that have an id, by the prefix their ids carry."""

    SCENARIO = "scn"
    RUN = "scr"
    SCORER = "scs"
    DEVBOX = "dbx"
    SNAPSHOT = "snp"
    BLUEPRINT = "bpt"
    BENCHMARK = "bmd"
    BENCHMARK_RUN = "bmr"
    BENCHMARK_JOB = "bmj"
    AGENT = "agt"
    OBJECT = "obj"
    ACCOUNT = "acc"
    KEY = "key"
    RUN_TOKEN = "tok"  # noqa: S105 - a prefix
    EXECUTION = "exe"
    SECRET = "sec"  # noqa: S105 - a prefix


def new_id(prefix: IdPrefix) -> str:
    """A new random id, from the operating system's source of randomness."""
    characters = b""
    while len(characters) < _LENGTH:
        characters += secrets.token_bytes(_DRAWN).translate(_CHARACTER_OF, _UNFAIR)
    return f"{prefix}_{characters[:_LENGTH].decode()}"


def stable_id(prefix: IdPrefix, *names: str) -> str:
    """The id that these names always have, so that it survives reinstallation.

    Used for scenarios loaded from folders: `stable_id(IdPrefix.SCENARIO, pack, folder)`.
    """
    return f"{prefix}_{_base_62(int.from_bytes(hashlib.sha256(chr(0).join(names).encode()).digest(), 'big'))}"


def _base_62(number: int) -> str:
    """The lowest digits of a number."""
    characters = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(characters)
