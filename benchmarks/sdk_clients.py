"""Many clients of the official SDK at once, run in an environment that has it: ADDRESS, then how many.

Each takes a run of the scenario `bench` from start to end. Prints how many did, and what befell the others, as JSON.
"""

import concurrent.futures
import json
import sys
import threading

from runloop_api_client import Runloop


def drive(address: str, together: threading.Barrier) -> None:
    """One client's way."""
    with Runloop(base_url=address, bearer_token="none") as client:  # noqa: S106 - the server asks for none
        scenario = client.scenarios.list(limit=100).scenarios
        found = next(each.id for each in scenario if each.name == "bench")
        together.wait(120)
        run = client.scenarios.start_run(scenario_id=found)
        client.devboxes.await_running(run.devbox_id)
        ran = client.devboxes.execute_and_await_completion(run.devbox_id, command="echo hello")
        assert (ran.stdout, ran.exit_status) == ("hello\n", 0), ran
        scored = client.scenarios.runs.score_and_complete(run.id)
        assert scored.scoring_contract_result.score == 1.0, scored
        assert client.scenarios.runs.retrieve(run.id).state == "completed"


def main() -> None:
    """Runs all of them, each in a thread."""
    address, clients = sys.argv[1], int(sys.argv[2])
    together = threading.Barrier(clients)
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        ways = [pool.submit(drive, address, together) for _ in range(clients)]
    failures = [f"{type(error).__name__}: {error}"[:500] for way in ways if (error := way.exception())]
    print(json.dumps({"done": clients - len(failures), "failures": failures}))


if __name__ == "__main__":
    main()
