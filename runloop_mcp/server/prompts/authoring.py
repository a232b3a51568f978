"""The prompt that sets an agent to make a scenario and prove it."""

from collections.abc import Mapping
from typing import Final

from mcp_types import GetPromptResult, Prompt, PromptArgument

from runloop_mcp.server.prompts.prompt import Asking, PromptKind, said

_TASK: Final = """\
Author a coding scenario with the tools of the runloop server, and prove it.

The idea: {idea}
{wishes}
How to go about it:
{steps}

What makes it good:
- The task is something that could have happened, small enough to be read in a few minutes. What goes wrong is told as \
somebody would report it; how things should be is told exactly. Everything that is checked is said.
- An untouched devbox scores below 1.0 in every scoring function; the reference scores exactly 1.0; half a solution \
earns its share and special cases for what is visible earn nothing. Weights say what a part is worth, and sum to 1.
- The judge can't be fooled: it starts the solution as a process of its own, with a time limit, and compares what that \
prints or writes; it never imports or sources the solver's code, and reads no verdict that the solution could have \
written. Start it as `exec /usr/bin/python3 -I …`, with inputs that the solver has not seen.
- The same answer scores the same each time: no clock, no network, no randomness without a fixed seed, and counts \
rather than seconds where speed matters.
- Nothing that gives the answer away is in the devbox, the problem statement, the names of scoring functions or what \
the judge prints under `disclosure: full`. Hidden tests belong into the scorer, the solution into the reference output.

Report at the end: the scenario's id, its scoring functions with weights, what validation found, which wrong solutions \
you tried and what each scored, and what you are not sure of."""

_STEPS: Final = (
    (
        ("create_devbox", "exec_on_devbox"),
        (
            "create_devbox gives an empty devbox. Lay out the task there with exec_on_devbox: the sources, what tests"
            " the solver may see, the fault. See the fault with your own eyes."
        ),
    ),
    (
        ("snapshot_devbox",),
        (
            "snapshot_devbox keeps that disk: the environment of every run. Take it before you solve anything, so that"
            " no solution is in it."
        ),
    ),
    ((), "Write the judge's cases first, those that a solution in a hurry gets wrong."),
    (("create_scorer", "validate_scorer"), "create_scorer keeps a script that several scenarios judge by."),
    ((), "Solve it yourself, from the problem statement alone, and keep that as the reference output."),
    (
        ("create_scenario",),
        (
            "create_scenario keeps it all: problem statement, environment, scoring functions with weights, reference"
            " output, and metadata (`summary`, `tags`, `difficulty`, `minutes`, `disclosure`)."
        ),
    ),
    (
        ("validate_scenario", "update_scenario"),
        (
            "validate_scenario proves it: untouched below 1.0, with the reference 1.0, the same each time, and no cheat"
            " earns anything. Mend what it finds with update_scenario, and prove it again after each change."
        ),
    ),
    (
        ("start_run", "score_run"),
        (
            "Solve it badly on purpose, in a run each (start_run, score_run): half of it, the obvious but wrong way,"
            " special cases for what is visible, nothing but a claim. Each must get what it is worth."
        ),
    ),
    (("shutdown_devbox",), "shutdown_devbox ends the devboxes that you no longer need."),
)
"""What to do in order, each with the tools without which it can't be done."""

_WISHES: Final = {
    "language": "Language",
    "tags": "Tags, for metadata.tags",
    "scorer_type": "Type of the scorers",
    "environment": "Begin from this blueprint or snapshot, as the scenario's environment does",
    "secrets": "Secrets that a run needs, by name: required_secret_names; never their values",
}
"""What else whoever asks may want, by the prompt's argument."""


async def author_scenario(asking: Asking, arguments: Mapping[str, str]) -> GetPromptResult:
    """The task of authoring a scenario."""
    steps = [text for tools, text in _STEPS if set(tools) <= set(asking.tools)]
    numbered = "\n".join(f"{number}. {text}" for number, text in enumerate(steps, 1))
    wishes = "".join(f"{words}: {arguments[name]}\n" for name, words in _WISHES.items() if name in arguments)
    text = _TASK.format(idea=arguments["idea"], wishes=wishes, steps=numbered)
    return GetPromptResult(description="Author a scenario", messages=[said(text)])


AUTHOR_SCENARIO: Final = PromptKind(
    Prompt(
        name="author_scenario",
        title="Author a scenario",
        description="Sets the agent to make a scenario from an idea: environment, problem, judge, reference, proof.",
        arguments=[
            PromptArgument(name="idea", description="What the scenario is to be about, in your words", required=True),
            PromptArgument(name="language", description="The programming language, if it matters", required=False),
            PromptArgument(name="tags", description="Tags, with commas between them", required=False),
            PromptArgument(name="scorer_type", description="What judges it, if that matters", required=False),
            PromptArgument(
                name="environment",
                description="The name of a blueprint or the id of a snapshot to begin from",
                required=False,
            ),
            PromptArgument(
                name="secrets",
                description="Names of secrets that a run needs, with commas between them",
                required=False,
            ),
        ],
    ),
    author_scenario,
    needs=frozenset({"create_scenario"}),
)
