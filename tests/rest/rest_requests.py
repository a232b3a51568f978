"""Bodies of requests that the tests are told with."""

from typing import Any, Final

SCENARIO: Final[dict[str, Any]] = {
    "name": "greeting",
    "input_context": {"problem_statement": "Write hello into greeting.txt."},
    "scoring_contract": {
        "scoring_function_parameters": [
            {"name": "greets", "weight": 1, "scorer": {"type": "command_scorer", "command": "grep hello greeting.txt"}}
        ]
    },
}
"""A scenario that is solved by a file that says hello."""
