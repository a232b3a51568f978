"""What a key proves itself with, and what is kept of it."""

import hashlib
import secrets
from typing import Final

KEY_PREFIX: Final = "rlmcp_"
"""What every key begins with, so that people and scanners of leaked keys know one when they see it."""

RUN_TOKEN_PREFIX: Final = KEY_PREFIX + "run_"
"""What tokens of runs begin with."""

_BYTES: Final = 32


def new_key(prefix: str = KEY_PREFIX) -> str:
    """A new key: 256 bits from the operating system's source of randomness."""
    return prefix + secrets.token_urlsafe(_BYTES)


def digest_of(key: str) -> bytes:
    """What is kept of a key. A key is random, so there is nothing to guess that a slower hash would guard."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
