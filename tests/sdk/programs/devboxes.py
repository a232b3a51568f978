"""Devboxes, their commands, files and snapshots: every method of the client that a local devbox can answer."""

import tempfile
from inspect import signature
from pathlib import Path

from runloop_api_client import APIStatusError
from told import client, eventually, lacks, tell

api = client()
boxes = api.devboxes
box = boxes.create_and_await_running(
    name="sdk",
    metadata={"suite": "devboxes"},
    environment_variables={"GREETING": "hello"},
    file_mounts={"/home/user/mounted.txt": "mounted\n"},
    launch_parameters={"keep_alive_time_seconds": 600, "launch_commands": ["echo launched > ~/launched.txt"]},
)
told = {"status": box.status, "name": box.name, "metadata": box.metadata}

# Commands
ended = boxes.execute(box.id, command='echo "$GREETING"; cat mounted.txt launched.txt; pwd; echo oops >&2; exit 3')
told["ended"] = [ended.status, ended.exit_status, ended.stdout, ended.stderr]
awaited = boxes.execute_and_await_completion(box.id, command="sleep 0.2; echo awaited")
told["awaited"] = [awaited.status, awaited.exit_status, awaited.stdout]
long = boxes.execute(box.id, command="seq 1 150", last_n="3")
told["last lines"] = [long.stdout, long.stdout_truncated]
slow = boxes.execute(box.id, command="sleep 30", optimistic_timeout=1)
told["slow"] = slow.status
killed = boxes.executions.kill(slow.execution_id, devbox_id=box.id)
killed = boxes.executions.await_completed(slow.execution_id, devbox_id=box.id)
told["killed"] = [killed.status, killed.exit_status]
# Each of two calls runs, although 1.4.0 gives one command id to all calls of a process.
count = "echo again >> ~/again; wc -l < ~/again"
told["again"] = [boxes.execute(box.id, command=count).stdout for _ in range(2)]
begun = boxes.executions.execute_async(box.id, command="echo begun; echo aside >&2")
done = boxes.executions.await_completed(begun.execution_id, devbox_id=box.id)
told["begun"] = [done.status, done.exit_status, done.stdout, done.stderr]
told["retrieved"] = boxes.executions.retrieve(begun.execution_id, devbox_id=box.id).stdout
reader = boxes.executions.execute_async(box.id, command="cat; echo end", attach_stdin=True)
sent = boxes.executions.send_std_in(reader.execution_id, devbox_id=box.id, text="one\ntwo\n")
boxes.executions.send_std_in(reader.execution_id, devbox_id=box.id, signal="EOF")
told["sent"] = [sent.success, boxes.executions.await_completed(reader.execution_id, devbox_id=box.id).stdout]
sync = boxes.executions.execute_sync(box.id, command="echo sync; exit 4")
told["sync"] = [sync.exit_status, sync.stdout]
if "shell_name" in signature(boxes.execute).parameters:
    boxes.execute(box.id, command="cd /tmp && export KEPT=kept", shell_name="one")
    told["shell"] = boxes.execute(box.id, command='pwd; echo "$KEPT"', shell_name="one").stdout

# Streams
talker = boxes.executions.execute_async(box.id, command="for i in 1 2 3; do echo line $i; sleep 0.1; done; echo x >&2")
out = list(boxes.executions.stream_stdout_updates(talker.execution_id, devbox_id=box.id))
told["stream"] = "".join(chunk.output for chunk in out)
told["stream again from 7"] = "".join(
    chunk.output for chunk in boxes.executions.stream_stdout_updates(talker.execution_id, devbox_id=box.id, offset=7)
)
told["stream of errors"] = "".join(
    chunk.output for chunk in boxes.executions.stream_stderr_updates(talker.execution_id, devbox_id=box.id)
)

# Files
boxes.write_file_contents(box.id, file_path="notes/a.txt", contents="ünder\nway\n")
told["read"] = boxes.read_file_contents(box.id, file_path="notes/a.txt")
with tempfile.TemporaryDirectory() as folder:
    sample = Path(folder) / "sample.bin"
    sample.write_bytes(bytes(range(256)) * 1000)
    boxes.upload_file(box.id, path="~/sample.bin", file=sample)
    told["same bytes"] = boxes.download_file(box.id, path="sample.bin").read() == sample.read_bytes()

# Keeping, pausing
told["kept alive"] = boxes.keep_alive(box.id) is not None
boxes.suspend(box.id)
told["suspended"] = boxes.await_suspended(box.id).status
boxes.resume(box.id)
told["resumed"] = boxes.await_running(box.id).status
told["after"] = boxes.execute(box.id, command="cat notes/a.txt").stdout
told["renamed"] = boxes.update(box.id, name="renamed", metadata={"suite": "devboxes", "more": "1"}).name

# Snapshots
snapshot = boxes.snapshot_disk(box.id, name="disk", metadata={"of": "sdk"}, commit_message="so far")
told["snapshot"] = [snapshot.name, snapshot.source_devbox_id == box.id, snapshot.commit_message, snapshot.metadata]
later = boxes.snapshot_disk_async(box.id, name="later")
told["later"] = boxes.disk_snapshots.await_completed(later.id).status
told["updated"] = boxes.disk_snapshots.update(later.id, name="newer").name
told["listed"] = sorted(str(each.name) for each in boxes.disk_snapshots.list(devbox_id=box.id))
told["listed too"] = len([*boxes.list_disk_snapshots(devbox_id=box.id, limit=1)])
fork = boxes.create_and_await_running(snapshot_id=snapshot.id)
told["fork"] = [fork.snapshot_id == snapshot.id, boxes.execute(fork.id, command="cat notes/a.txt launched.txt").stdout]
boxes.disk_snapshots.delete(later.id)
told["deleted"] = boxes.disk_snapshots.query_status(later.id).status

# Lists, logs, the end
found = [each.id for each in boxes.list(limit=1, status="running")]
told["found"] = box.id in found and fork.id in found and len(found) == len(set(found))
told["usage"] = (
    boxes.retrieve_resource_usage(box.id).id == box.id if hasattr(boxes, "retrieve_resource_usage") else True
)
told["shut down"] = [boxes.shutdown(each).status for each in (box.id, box.id, fork.id)]
gone = boxes.retrieve(box.id)
told["gone"] = [gone.status, gone.shutdown_reason, bool(gone.end_time_ms)]
logs = eventually(lambda: boxes.logs.list(box.id).logs)
told["logged"] = any("awaited" in (entry.message or entry.cmd or "") for entry in logs)
refused = []
for refusal in (lambda: boxes.execute(box.id, command="true"), lambda: boxes.retrieve("dbx_" + "0" * 21)):
    try:
        refusal()
    except APIStatusError as error:
        refused.append([type(error).__name__, error.status_code])
told["refused"] = refused
told["missing"] = lacks(api, "devboxes.retrieve_resource_usage", "devboxes.create_pty_tunnel", "scenarios", "agents")
tell(**told)
