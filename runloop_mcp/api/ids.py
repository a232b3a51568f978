"""Ids as the wire has them: a prefix that names the kind, and 21 base-62 characters."""

import hashlib
import secrets
import string
from enum import StrEnum

_ALPHABET = string.digits + string.ascii_letters
_LENGTH = 21
_BITS = 192  # 21 digits hold 126; the rest makes every digit equally likely


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
    EXECUTION = "exe"
    SECRET = "sec"  # noqa: S105 - a prefix


def new_id(prefix: IdPrefix) -> str:
    """A new random id, from the operating system's source of randomness."""
    return f"{prefix}_{_base_62(secrets.randbits(_BITS))}"


def stable_id(prefix: IdPrefix, *names: str) -> str:
    """The id that these names always have, so that it survives reinstallation.

    Used for scenarios loaded from folders: `stable_id(IdPrefix.SCENARIO, pack, folder)`.
    """
    return f"{prefix}_{_base_62(int.from_bytes(hashlib.sha256(chr(0).join(names).encode()).digest(), 'big'))}"


def _base_62(number: int) -> str:
    """The lowest digits of a number; of one with many more bits, each as likely as any other."""
    characters = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(characters)
