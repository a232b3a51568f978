"""The published workflow, with any HTTP client: start a run, poll until it runs, score it, complete it."""

import json
import os
import time
import urllib.request

from told import client, tell


def call(method: str, path: str, body: object = None) -> dict:
    """The answer to a request, which has to be 200."""
    request = urllib.request.Request(  # noqa: S310 - of the server that is tested
        os.environ["RUNLOOP_BASE_URL"] + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {os.environ['RUNLOOP_API_KEY']}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - likewise
        assert answer.status == 200
        return json.load(answer)


scenario = client().scenarios.create(
    name="workflow",
    input_context={"problem_statement": "Nothing to do."},
    scoring_contract={
        "scoring_function_parameters": [
            {
                "name": "slow",
                "weight": 1.0,
                "scorer": {"type": "bash_script_scorer", "bash_script": "sleep 1; echo 0.75"},
            }
        ]
    },
)
run = call("POST", "/v1/scenarios/start_run", {"scenario_id": scenario.id, "run_name": "workflow", "metadata": None})
polls = 0
while call("GET", f"/v1/devboxes/{run['devbox_id']}")["status"] != "running":
    polls += 1
    time.sleep(0.1)
polled = call("GET", f"/v1/scenarios/runs/{run['id']}")["state"]
scored = call("POST", f"/v1/scenarios/runs/{run['id']}/score")
completed = call("POST", f"/v1/scenarios/runs/{run['id']}/complete")
tell(
    started=run["state"],
    polled=polled,
    scored=[scored["state"], scored["score"], scored["scoring_contract_result"]["score"]],
    completed=[completed["state"], completed["score"]],
)
