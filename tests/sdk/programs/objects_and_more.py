"""Objects, agents, blueprints, secrets and the account, as far as this version of the SDK has them."""

import sys
import tempfile
from pathlib import Path

import httpx
from runloop_api_client import APIStatusError
from told import client, lacks, tell

api = client()
tag = sys.argv[1]
told = {}

# Objects
made = api.objects.create(name=f"{tag}.txt", content_type="text", metadata={"suite": tag})
told["object"] = [made.state, made.name, made.content_type, bool(made.upload_url)]
httpx.put(made.upload_url, content=b"kept\n", trust_env=False).raise_for_status()
told["completed"] = api.objects.complete(made.id).state
ready = api.objects.retrieve(made.id)
told["ready"] = [ready.state, ready.size_bytes]
address = api.objects.download(made.id, duration_seconds=60).download_url
told["downloaded"] = httpx.get(address, trust_env=False).text
told["listed"] = made.id in [each.id for each in api.objects.list(limit=1)]
told["none public"] = [each.id for each in api.objects.list_public()]
box = api.devboxes.create_and_await_running(
    mounts=[{"type": "object_mount", "object_id": made.id, "object_path": "/home/user/object.txt"}]
)
told["mounted"] = api.devboxes.execute(box.id, command="cat object.txt").stdout
api.devboxes.shutdown(box.id)
told["deleted"] = api.objects.delete(made.id).state

# Secrets
name = f"TOKEN_{tag.upper()}"
secret = api.secrets.create(name=name, value="hush-4711")
told["secret"] = [secret.name == name, "hush" not in secret.model_dump_json()]
told["changed"] = api.secrets.update(name, value="hush-4712").id == secret.id
listed = api.secrets.list(limit=100).secrets
told["secrets"] = name in [each.name for each in listed]
if not lacks(api, "secrets.retrieve"):
    told["by name"] = api.secrets.retrieve(name).id == secret.id
if not lacks(api, "secrets.retrieve_by_id"):
    told["by id"] = api.secrets.retrieve_by_id(secret.id).name == name
    told["changed by id"] = api.secrets.update_by_id(secret.id, value="hush-4713").name == name
    told["gone by id"] = api.secrets.delete_by_id(secret.id).name == name
    secret = api.secrets.create(name=name, value="hush-4714")
told["gone"] = api.secrets.delete(name).id == secret.id

# Blueprints
told["preview"] = "setup" in api.blueprints.preview(name="x", system_setup_commands=["echo setup"]).dockerfile
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "note.txt").write_text("from the blueprint\n")
blueprint = api.blueprints.create_and_await_build_complete(
    name=f"blueprint-{tag}",
    system_setup_commands=["echo set up > ~/built.txt"],
    file_mounts={"/home/user/note.txt": "from the blueprint\n"},
    metadata={"suite": tag},
)
told["blueprint"] = [blueprint.status, blueprint.state, blueprint.metadata]
told["built"] = api.blueprints.retrieve(blueprint.id).status
told["build logs"] = bool(api.blueprints.logs(blueprint.id).logs)
told["blueprints"] = blueprint.id in [each.id for each in api.blueprints.list(limit=1)]
told["public blueprints"] = [each.id for each in api.blueprints.list_public()]
box = api.devboxes.create_and_await_running(blueprint_name=f"blueprint-{tag}")
told["from blueprint"] = api.devboxes.execute(box.id, command="cat built.txt note.txt").stdout
api.devboxes.shutdown(box.id)
api.blueprints.delete(blueprint.id)
try:
    api.blueprints.create(name="docker", dockerfile="FROM scratch")
except APIStatusError as error:
    told["dockerfile"] = [error.status_code, "container" in str(error)]

# Agents
if not lacks(api, "agents"):
    versions = {} if "version" not in api.agents.create.__annotations__ else {"version": "1.0.0"}
    source = {"type": "git", "git": {"repository": "https://github.com/example/agent", "agent_setup": ["echo set up"]}}
    agent = api.agents.create(name=f"agent-{tag}", source=source, **versions)
    told["agent"] = [agent.name, agent.source.type, agent.source.git.repository]
    told["agents"] = agent.id in [each.id for each in api.agents.list(limit=1)]
    program = api.objects.create(name=f"{tag}-agent", content_type="binary")
    httpx.put(program.upload_url, content=b"#!/bin/sh\necho at work\n", trust_env=False).raise_for_status()
    api.objects.complete(program.id)
    of_object = {"type": "object", "object": {"object_id": program.id, "agent_setup": ["touch set-up"]}}
    mounted = api.agents.create(name=f"mounted-{tag}", source=of_object, **versions)
    mount = {"type": "agent_mount", "agent_id": mounted.id, "agent_name": None, "agent_path": "/home/user/agent"}
    box = api.devboxes.create_and_await_running(mounts=[mount])
    told["agent mounted"] = api.devboxes.execute(box.id, command="./agent; ls").stdout
    api.devboxes.shutdown(box.id)
    told["same agent"] = api.agents.retrieve(agent.id).id == agent.id
    if not lacks(api, "agents.delete"):
        told["counted"] = api.agents.devbox_counts() is not None
        told["public agents"] = [each.id for each in api.agents.list_public()]
        api.agents.delete(agent.id)
        told["agent gone"] = agent.id not in [each.id for each in api.agents.list()]

if not lacks(api, "accounts"):
    told["account"] = api.accounts.me().account_status
told["missing"] = lacks(
    api,
    "agents",
    "agents.delete",
    "agents.list_public",
    "agents.devbox_counts",
    "accounts.me",
    "secrets.retrieve",
    "secrets.retrieve_by_id",
)
tell(**told)
