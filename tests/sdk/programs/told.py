"""What these programs share: clients that refuse answers of another form than theirs, and one line of JSON in the end.

They run in an environment of the SDK, which takes the server's address and the key from variables.
"""

import json
import sys
import time
from typing import Any

from runloop_api_client import AsyncRunloop, Runloop
from runloop_api_client.sdk import AsyncRunloopSDK, RunloopSDK


def client() -> Runloop:
    """The client of the API."""
    return Runloop(_strict_response_validation=True)


def sdk() -> RunloopSDK:
    """The object-oriented one, over a client that is as strict."""
    made = RunloopSDK()
    made.api._strict_response_validation = True
    return made


def async_sdk() -> AsyncRunloopSDK:
    """Likewise, asynchronous."""
    made = AsyncRunloopSDK()
    made.api._strict_response_validation = True
    return made


def lacks(where: object, *names: str) -> list[str]:
    """Which of these methods this version of the SDK does not have."""
    return [name for name in names if not _has(where, name)]


def _has(where: Any, name: str) -> bool:
    for part in name.split("."):
        if not hasattr(where, part):
            return False
        where = getattr(where, part)
    return True


def eventually(look: Any) -> Any:
    """What a look finds in the end, for what the API has no way to wait for."""
    due = time.monotonic() + 20
    while not (found := look()):
        if time.monotonic() > due:
            raise TimeoutError("It did not come.")
        time.sleep(0.05)
    return found


def tell(**facts: Any) -> None:
    """Tells the test what came out."""
    sys.stdout.write(json.dumps(facts) + "\n")


__all__ = ["AsyncRunloop", "async_sdk", "client", "eventually", "lacks", "sdk", "tell"]
