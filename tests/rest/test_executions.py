"""Commands over the wire: run, waited for, sent to and ended."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from rest_devboxes import begun, ended, executed, running_devbox
from rest_server import Served

from runloop_mcp.api.access import Principal
from runloop_mcp.rest.routes import executions


@pytest.fixture(scope="module")
def devbox(served: Served) -> Iterator[str]:
    """A devbox of the module's own."""
    made = running_devbox(served.client)
    yield made
    assert served.client.post(f"/v1/devboxes/{made}/shutdown").status_code == 200


def test_a_command_runs_in_the_home(client: httpx.Client, devbox: str) -> None:
    """It answers with both streams whole, newline included, and the exit status."""
    view = executed(client, devbox, "pwd; echo said >&2; exit 3", command_id="019c0000-0000-7000-8000-000000000001")
    assert (view["stdout"], view["stderr"], view["exit_status"]) == ("/home/user\n", "said\n", 3)
    assert (view["stdout_truncated"], view["stderr_truncated"]) == (False, False)
    assert view["devbox_id"] == devbox


def test_a_command_id_runs_its_command_once(client: httpx.Client, devbox: str) -> None:
    """Sent again under any request id, it answers with the same execution; with another command it is refused."""
    sent = {"command": "echo once >> ~/times; cat ~/times", "command_id": "019c0000-0000-7000-8000-000000000002"}
    views = [
        client.post(f"/v1/devboxes/{devbox}/execute", json=sent, headers={"x-request-id": f"retry-{number}"}).json()
        for number in range(3)
    ]
    assert [view["stdout"] for view in views] == ["once\n"] * 3
    assert len({view["execution_id"] for view in views}) == 1
    other = client.post(f"/v1/devboxes/{devbox}/execute", json=sent | {"command": "true"})
    assert (other.status_code, other.headers["x-should-retry"]) == (400, "false")


def test_a_command_id_is_the_caller_s_own(served: Served, devbox: str) -> None:
    """A command runs though another caller gave his the same id, or one that looks like a key that is kept."""
    told: list[str] = []
    for caller in ("key:one", "key:two"):
        with served.another_face(Principal(caller)) as url:
            for command_id in ("1", "key:one/1", "key:one:command:1"):
                sent = {"command": "echo also >> ~/callers; wc -l < ~/callers", "command_id": command_id}
                answer = httpx.post(f"{url}/v1/devboxes/{devbox}/execute", json=sent, timeout=60)
                told.append(answer.json()["stdout"].strip())
    assert told == ["1", "2", "3", "4", "5", "6"]


def test_an_old_sdk_gives_one_command_id_to_all_commands(client: httpx.Client, devbox: str) -> None:
    """Each of its commands runs all the same; only retries of one request run once."""
    sent = {"command": "echo again >> ~/runs; wc -l < ~/runs", "command_id": "019c0000-0000-7000-8000-000000000003"}
    sdk = {"x-stainless-lang": "python", "x-stainless-package-version": "1.4.0"}
    told = [
        client.post(f"/v1/devboxes/{devbox}/execute", json=sent, headers=sdk | {"x-request-id": request_id}).json()[
            "stdout"
        ]
        for request_id in ("apart-1", "apart-1", "apart-2")
    ]
    assert [each.strip() for each in told] == ["1", "1", "2"]


@pytest.mark.parametrize("route", ["execute", "execute_async", "execute_sync"])
def test_a_retried_request_runs_its_command_once(client: httpx.Client, devbox: str, route: str) -> None:
    """Retries that come while the first is under way wait for it."""
    command = f"mkdir ~/{route} && until [ -e ~/go ]; do sleep 0.01; done; echo {route}"

    def send(_: int) -> dict[str, Any]:
        answer = client.post(
            f"/v1/devboxes/{devbox}/{route}", json={"command": command}, headers={"x-request-id": f"once-{route}"}
        )
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    executed(client, devbox, "rm -f ~/go")
    with ThreadPoolExecutor(2) as senders:
        answers = senders.map(send, range(2))
        executed(client, devbox, f"until [ -d ~/{route} ]; do sleep 0.01; done; touch ~/go")
        first, second = answers
    assert first == second
    if route == "execute_async":
        first = ended(client, f"/v1/devboxes/{devbox}/executions/{first['execution_id']}")
    assert (first["exit_status"], first["stdout"]) == (0, f"{route}\n")


def test_a_command_that_takes_longer_is_answered_as_running_and_runs_on(client: httpx.Client, devbox: str) -> None:
    """`optimistic_timeout` ends the wait and not the command; `wait_for_status` waits on for it."""
    answer = client.post(
        f"/v1/devboxes/{devbox}/execute",
        json={"command": "until [ -e ~/end ]; do sleep 0.01; done; echo ended", "optimistic_timeout": 0},
    ).json()
    assert answer["status"] == "running"
    assert "exit_status" not in answer
    execution = f"/v1/devboxes/{devbox}/executions/{answer['execution_id']}"
    assert client.get(execution).json()["status"] == "running"
    early = client.post(f"{execution}/wait_for_status", json={"statuses": ["completed"], "timeout_seconds": 0.2})
    assert early.status_code == 408
    assert early.headers["x-should-retry"] == "true"
    assert 0 < int(early.headers["retry-after-ms"]) <= 1000
    assert client.post(f"{execution}/wait_for_status", json={"statuses": ["running"]}).json()["status"] == "running"
    executed(client, devbox, "touch ~/end")
    assert ended(client, execution)["stdout"] == "ended\n"
    assert client.get(execution).json()["exit_status"] == 0
    never = client.post(f"{execution}/wait_for_status", json={"statuses": ["running"]})
    assert (never.status_code, never.headers["x-should-retry"]) == (400, "false")


def test_the_answer_holds_the_last_lines(client: httpx.Client, devbox: str) -> None:
    """100 by default, or as many as `last_n` says, in every answer that holds output."""
    view = executed(client, devbox, "seq 1 200; seq 5 >&2")
    assert (view["stdout"].split(), view["stdout_truncated"]) == ([str(line) for line in range(101, 201)], True)
    assert (view["stderr"].split(), view["stderr_truncated"]) == (["1", "2", "3", "4", "5"], False)
    execution = f"/v1/devboxes/{devbox}/executions/{view['execution_id']}"
    few = {"last_n": "2"}
    waited = client.post(f"{execution}/wait_for_status", params=few, json={"statuses": ["completed"]}).json()
    run = client.post(f"/v1/devboxes/{devbox}/execute", params=few, json={"command": "seq 1 200"}).json()
    for answer in (client.get(execution, params=few).json(), waited, run):
        assert (answer["stdout"], answer["stdout_truncated"]) == ("199\n200\n", True)
    assert len(client.get(execution, params={"last_n": "1000"}).json()["stdout"].split()) == 200
    assert client.get(execution, params={"last_n": "few"}).status_code == 400


def test_execute_sync_answers_with_the_whole_output(client: httpx.Client, devbox: str) -> None:
    """It waits for the end, and its view has no status."""
    answer = client.post(f"/v1/devboxes/{devbox}/execute_sync", json={"command": "seq 1 100000; echo e >&2; exit 4"})
    assert answer.status_code == 200
    view = answer.json()
    assert view["stdout"] == "".join(f"{line}\n" for line in range(1, 100_001))
    assert (view["stderr"], view["exit_status"]) == ("e\n", 4)
    with_input = {"command": "cat", "attach_stdin": True}
    assert "attach_stdin" in client.post(f"/v1/devboxes/{devbox}/execute_sync", json=with_input).json()["message"]


def test_execute_sync_ends_what_takes_too_long(
    client: httpx.Client, devbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying again would run it again, so clients are told not to."""
    monkeypatch.setattr(executions, "_SYNC_SECONDS", 0.1)
    answer = client.post(f"/v1/devboxes/{devbox}/execute_sync", json={"command": "exec -a too-long sleep 1000"})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (408, "false")
    assert "execute_async" in answer.json()["message"]
    assert "too-long" not in executed(client, devbox, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")["stdout"]


def test_a_named_shell_keeps_its_directory_and_variables(client: httpx.Client, devbox: str) -> None:
    """One command after the other, in one bash, which begins in the home."""
    assert executed(client, devbox, "pwd; cd /tmp; export COLOUR=red", shell_name="one")["stdout"] == "/home/user\n"
    view = executed(client, devbox, "pwd; echo $COLOUR", shell_name="one")
    assert (view["stdout"], view["shell_name"]) == ("/tmp\nred\n", "one")
    assert executed(client, devbox, 'echo "[$COLOUR]"', shell_name="two")["stdout"] == "[]\n"


def test_a_command_waits_for_its_turn_in_its_shell(client: httpx.Client, devbox: str) -> None:
    """It is `queued` until then, and `wait_for_status` sees its turn come."""
    first = begun(client, devbox, "read go", shell_name="turns", attach_stdin=True)
    second = begun(client, devbox, "read go", shell_name="turns", attach_stdin=True)
    assert client.get(second).json()["status"] == "queued"
    assert client.post(f"{first}/send_std_in", json={"text": "go\n"}).status_code == 200
    turned = client.post(f"{second}/wait_for_status", json={"statuses": ["running"]})
    assert (turned.status_code, turned.json()["status"]) == (200, "running")
    assert client.post(f"{second}/send_std_in", json={"text": "go\n"}).status_code == 200
    assert ended(client, second)["exit_status"] == 0


def test_input_is_sent_while_a_command_runs(client: httpx.Client, devbox: str) -> None:
    """Text, then the end of the input; an interrupt for a command that takes none."""
    execution = begun(client, devbox, "cat; echo done", attach_stdin=True)
    sent = client.post(f"{execution}/send_std_in", json={"text": "typed \u00e9\n"})
    assert sent.json() | {"success": True} == sent.json()
    assert client.post(f"{execution}/send_std_in", json={"signal": "EOF"}).status_code == 200
    assert ended(client, execution)["stdout"] == "typed \u00e9\ndone\n"
    late = client.post(f"{execution}/send_std_in", json={"text": "late"})
    assert (late.status_code, late.headers["x-should-retry"]) == (400, "false")
    deaf = begun(client, devbox, "sleep 1000")
    assert client.post(f"{deaf}/send_std_in", json={"signal": "INTERRUPT"}).status_code == 200
    assert ended(client, deaf)["exit_status"] == 130
    assert client.post(f"{deaf}/send_std_in", json={"signal": "HANGUP"}).status_code == 400


def test_a_command_is_ended(client: httpx.Client, devbox: str) -> None:
    """With all that it started, and once for all."""
    execution = begun(client, devbox, "sleep 1000 & sleep 1000")
    for body in ({}, {"kill_process_group": True}):
        killed = client.post(f"{execution}/kill", json=body)
        assert (killed.status_code, killed.json()["status"]) == (200, "completed")
    assert killed.json()["exit_status"] == 137


def test_what_is_not_there_is_not_found(client: httpx.Client, devbox: str) -> None:
    """Of devboxes and of executions, on every route."""
    nowhere, nothing = "dbx_000000000000000000000", "exe_000000000000000000000"
    for path in (f"/v1/devboxes/{nowhere}/execute", f"/v1/devboxes/{nowhere}/execute_async"):
        assert client.post(path, json={"command": "true"}).status_code == 404
    for execution in (f"/v1/devboxes/{nowhere}/executions/{nothing}", f"/v1/devboxes/{devbox}/executions/{nothing}"):
        for stream in ("stdout", "stderr"):
            answer = client.get(f"{execution}/stream_{stream}_updates")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert client.get(execution).status_code == 404
        assert client.post(f"{execution}/kill").status_code == 404
        assert client.post(f"{execution}/wait_for_status", json={"statuses": ["completed"]}).status_code == 404
