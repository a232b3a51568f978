"""`runloop-mcp install`: a client's file gets the server and loses nothing, whatever is in it."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_agent_over_stdio import tool_names

from runloop_mcp.cli.clients import json_edit

Command = Callable[..., CompletedProcess[str]]
Install = Callable[..., CompletedProcess[str]]

ROOT = Path(__file__).parents[2]

FILES = {
    "claude-code": (".claude.json", "mcpServers"),
    "claude-desktop": (".config/Claude/claude_desktop_config.json", "mcpServers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "vscode": (".config/Code/User/mcp.json", "servers"),
    "codex": (".codex/config.toml", "mcp_servers"),
    "gemini": (".gemini/settings.json", "mcpServers"),
    "windsurf": (".codeium/windsurf/mcp_config.json", "mcpServers"),
    "zed": (".config/zed/settings.json", "context_servers"),
}

JSONC = """\
// what I like
{
\t"theme": "dark", // not light
\t"servers": {
\t\t/* the other one */
\t\t"other": { "command": "other", "env": { "TOKEN": "tok-4711" } }, // keep
\t},
}
"""

TOML = """\
# what I like
model = "big"   # not small

[mcp_servers.other]
command = "other"
env = { TOKEN = "tok-4711" }

[profiles.fast]  # at the end
model = "small"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a user who has no client yet."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def install(runloop: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Runs `runloop-mcp install` for that user, in a project below the home."""
    project = home / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    blank = {"XDG_CONFIG_HOME": "", "CLAUDE_CONFIG_DIR": "", "CODEX_HOME": ""}

    def run(*arguments: str, **variables: str) -> CompletedProcess[str]:
        return runloop("install", *arguments, HOME=str(home), **{**blank, **variables})

    return run


def held(path: Path) -> dict[str, dict[str, dict[str, object]]]:
    """What a client reads in its file."""
    text = path.read_text()
    return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)


def copies(path: Path) -> list[Path]:
    """The copies that were kept beside a file."""
    return sorted(path.parent.glob(f"{path.name}.*.bak"))


@pytest.mark.parametrize("client", FILES)
def test_every_client_gets_the_server_once(install: Install, home: Path, client: str) -> None:
    """The command is an absolute path with the options given; a second time changes nothing; it goes again."""
    path, section = home / FILES[client][0], FILES[client][1]
    made = install(client, "--yes", "--state-dir", "../here", "--max-devboxes", "2")
    assert made.returncode == 0, made.stderr
    entry = held(path)[section]["runloop"]
    assert Path(str(entry["command"])).is_absolute()
    assert Path(str(entry["command"])).exists()
    assert entry["args"] == ["serve", "--state-dir", str(home / "here"), "--max-devboxes", "2"]
    assert str(path) in made.stdout
    assert re.search(r"^\+.*--state-dir", made.stdout, re.MULTILINE)
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    again = install(client, "--yes", "--state-dir", "../here", "--max-devboxes", "2")
    assert "nothing to do" in again.stdout
    assert path.read_text() == text
    assert copies(path) == []
    assert install(client, "--yes", "--uninstall").returncode == 0
    assert "runloop" not in held(path).get(section, {})
    assert [copy.read_text() for copy in copies(path)] == [text]


def test_what_is_written_starts_the_server(install: Install, home: Path) -> None:
    """A client that does what its file says meets the tools."""
    install("cursor", "--yes", "--state-dir", str(home / "state"))
    entry = held(home / ".cursor/mcp.json")["mcpServers"]["runloop"]
    names = tool_names([str(entry["command"]), *map(str, entry["args"])])
    assert "start_run" in names


def test_json_with_comments_loses_nothing(install: Install, home: Path) -> None:
    """Every line that was there is there, in its order; taken out again, the file is as it was, byte for byte."""
    path = home / ".config/Code/User/mcp.json"
    path.parent.mkdir(parents=True)
    path.write_text(JSONC)
    path.chmod(0o640)
    made = install("vscode", "--yes")
    assert made.returncode == 0, made.stderr
    assert "tok-4711" not in made.stdout + made.stderr
    lines = path.read_text().split("\n")
    kept = iter(lines)
    assert all(line in kept for line in JSONC.split("\n"))
    assert '\t\t"runloop": {' in lines
    assert path.stat().st_mode & 0o777 == 0o640
    assert [copy.read_text() for copy in copies(path)] == [JSONC]
    assert copies(path)[0].stat().st_mode & 0o777 == 0o640
    install("vscode", "--yes", "--uninstall")
    assert path.read_text() == JSONC


def test_toml_loses_nothing(install: Install, home: Path) -> None:
    """Comments, order and other servers stay in Codex's file."""
    path = home / ".codex/config.toml"
    path.parent.mkdir()
    path.write_text(TOML)
    made = install("codex", "--yes", "--backend", "cloud")
    assert made.returncode == 0, made.stderr
    assert "tok-4711" not in made.stdout + made.stderr
    text = path.read_text()
    kept = iter(text.split("\n"))
    assert all(line in kept for line in TOML.rstrip("\n").split("\n"))
    assert tomllib.loads(text)["mcp_servers"]["runloop"]["env_vars"] == ["RUNLOOP_API_KEY"]
    install("codex", "--yes", "--uninstall")
    assert path.read_text() == TOML


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { other = { command = "x" } } # mine\n',
        'a = 1\r\n\r\n[mcp_servers.other]\r\ncommand = "x"\r\n',
        '[mcp_servers.runloop]\ncommand = "old"\nenv_vars = ["MINE"]\n',
    ],
)
def test_toml_keeps_its_ways(install: Install, home: Path, text: str) -> None:
    """Tables on one line, ends of lines, and further variables that Codex hands on."""
    path = home / ".codex/config.toml"
    path.parent.mkdir()
    path.write_bytes(text.encode())
    made = install("codex", "--yes", "--backend", "cloud")
    assert made.returncode == 0, made.stderr
    written = path.read_bytes().decode()
    entry = tomllib.loads(written)["mcp_servers"]["runloop"]
    assert entry["env_vars"] == [*(["MINE"] if "MINE" in text else []), "RUNLOOP_API_KEY"]
    assert written.count("\r\n") == (written.count("\n") if "\r\n" in text else 0)
    assert "mine" not in text or "# mine" in written


def test_a_program_from_a_folder_is_started_from_there(install: Install, home: Path) -> None:
    """Where it was installed from a clone, uvx is told so: an index may have none of that name, or another's."""
    programs = home / "bin"
    programs.mkdir()
    (programs / "uvx").write_text("")
    (programs / "uvx").chmod(0o755)
    install("cursor", "--yes", "--launcher", "uvx", PATH=str(programs))
    entry = held(home / ".cursor/mcp.json")["mcpServers"]["runloop"]
    assert entry == {"command": str(programs / "uvx"), "args": ["--from", str(ROOT), "runloop-mcp"]}


def test_a_file_that_is_kept_from_writing_stays(install: Install, home: Path) -> None:
    """The mode says what its owner wants; a file that nobody can read hides the others from no list."""
    path = home / ".cursor/mcp.json"
    path.parent.mkdir()
    path.write_text("{}")
    path.chmod(0o444)
    assert "is read-only" in install("cursor", "--yes").stderr
    assert [(found.name, found.read_text()) for found in path.parent.iterdir()] == [("mcp.json", "{}")]
    path.unlink()
    path.symlink_to("mcp.json")
    rows = {(row["client"], row["scope"]): row for row in json.loads(install("--list", "--json").stdout)}
    assert rows["cursor", "user"]["state"] == "can't be read"
    assert "can't be read" in install("cursor", "--yes").stderr


def test_what_somebody_added_to_the_entry_stays(install: Install, home: Path) -> None:
    """The command is renewed; a client's own fields and further variables are not ours to remove, nor to show."""
    path = home / ".gemini/settings.json"
    path.parent.mkdir()
    mine = {"command": "old", "args": [], "trust": True, "env": {"MINE": "sec-4711"}}
    path.write_text(json.dumps({"mcpServers": {"runloop": mine}}))
    made = install("gemini", "--yes", "--backend", "cloud")
    assert "sec-4711" not in made.stdout + made.stderr
    assert '-      "command": "old"' in made.stdout
    entry = held(path)["mcpServers"]["runloop"]
    assert entry["trust"] is True
    assert entry["env"] == {"MINE": "sec-4711", "RUNLOOP_API_KEY": "$RUNLOOP_API_KEY"}


@pytest.mark.parametrize("client", FILES)
def test_no_key_is_ever_written(install: Install, home: Path, client: str) -> None:
    """With Runloop behind it, the file tells how the client comes by the key, or the person is told to set it."""
    made = install(client, "--yes", "--backend", "cloud", RUNLOOP_API_KEY="rl-secret-4711")
    everything = made.stdout + made.stderr + (home / FILES[client][0]).read_text()
    assert "rl-secret-4711" not in everything
    assert "key" in everything.lower()


URL = "https://runs.example/mcp"
REMOTE = {
    "claude-code": {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${TEAM_KEY}"}},
    "cursor": {"url": URL, "headers": {"Authorization": "Bearer ${env:TEAM_KEY}"}},
    "vscode": {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${input:runloop-server-key}"}},
    "codex": {"url": URL, "bearer_token_env_var": "TEAM_KEY"},
    "gemini": {"httpUrl": URL, "headers": {"Authorization": "Bearer $TEAM_KEY"}},
    "windsurf": {"serverUrl": URL, "headers": {"Authorization": "Bearer ${env:TEAM_KEY}"}},
}


@pytest.mark.parametrize("client", REMOTE)
def test_a_server_that_runs_elsewhere_is_written_by_its_address(install: Install, home: Path, client: str) -> None:
    """With where the client takes the key from, in its own way, which is shown; renewed and taken out again."""
    path, section = home / FILES[client][0], FILES[client][1]
    made = install(client, "--yes", "--url", URL, "--key-env", "TEAM_KEY", TEAM_KEY="rlmcp_secret-4711")
    assert made.returncode == 0, made.stderr
    assert held(path)[section]["runloop"] == REMOTE[client]
    assert "rlmcp_secret-4711" not in made.stdout + made.stderr + path.read_text()
    assert "******" not in made.stdout
    assert "the file does not hold it" in made.stdout
    assert "nothing to do" in install(client, "--yes", "--url", URL, "--key-env", "TEAM_KEY").stdout
    assert "a server behind an address" in install(client, "--yes").stderr
    install(client, "--yes", "--url", "http://127.0.0.1:8787/mcp", "--no-key", "--header", "X-Team: blue")
    entry = held(path)[section]["runloop"]
    assert "X-Team" in str(entry)
    assert not re.search("TEAM_KEY|server-key|runs.example", str(entry))
    assert install(client, "--yes", "--uninstall").returncode == 0
    assert "runloop" not in path.read_text()


INPUTS = """\
{
\t"inputs": [
\t\t// mine
\t\t{ "type": "promptString", "id": "mine" }, // asked once
\t],
\t"servers": {
\t\t"other": { "url": "https://other.example/mcp" }
\t}
}
"""


@pytest.mark.parametrize("arguments", [["--backend", "cloud"], ["--url", URL]])
def test_what_is_asked_for_goes_with_the_server(install: Install, home: Path, arguments: list[str]) -> None:
    """VS Code's questions stay as they were, comments too; ours is there as long as a server names it."""
    path = home / ".config/Code/User/mcp.json"
    path.parent.mkdir(parents=True)
    path.write_text(INPUTS)
    for name in ("runloop", "second"):
        install("vscode", "--yes", "--name", name, *arguments)
    read = json_edit.read(path.read_text())
    asked = [one["id"] for one in read["inputs"]]
    assert asked == [
        "mine",
        *(["runloop-api-key"] if "cloud" in arguments else ["runloop-server-key", "second-server-key"]),
    ]
    assert all(f"${{input:{each}}}" in json.dumps(read["servers"]) for each in asked[1:])
    install("vscode", "--yes", "--uninstall")
    assert [one["id"] for one in json_edit.read(path.read_text())["inputs"]] == ["mine", asked[-1]]
    install("vscode", "--yes", "--uninstall", "--name", "second")
    assert path.read_text() == INPUTS


def test_no_other_server_is_sent_what_was_answered_as_runloop_s_own_key(install: Install, home: Path) -> None:
    """A server may have any name: VS Code asks for its key by another than it does for that of Runloop's API."""
    install("vscode", "--yes", "--name", "local", "--backend", "cloud")
    install("vscode", "--yes", "--name", "runloop-api", "--url", URL)
    asked = [one["id"] for one in held(home / ".config/Code/User/mcp.json")["inputs"]]
    assert len(set(asked)) == 2


def test_a_key_is_written_plainly_only_where_somebody_says_so(install: Install, home: Path) -> None:
    """Where a client can't take it from elsewhere the error says how to; what is shown covers it all the same."""
    refused = install("zed", "--yes", "--url", URL)
    assert refused.returncode == 1
    assert "--no-key" in refused.stderr
    assert "--header" in refused.stderr
    made = install("zed", "--yes", "--url", URL, "--header", "Authorization: Bearer sec-4711")
    entry = held(home / ".config/zed/settings.json")["context_servers"]["runloop"]
    assert entry == {"url": URL, "headers": {"Authorization": "Bearer sec-4711"}}
    assert "sec-4711" not in made.stdout + made.stderr
    assert "The file holds the key" in made.stdout


@pytest.mark.parametrize(
    ("client", "text", "told"),
    [
        ("cursor", '{\n  "mcpServers": {\n    "a": {"command" "b"}\n', "line 3, column 21"),
        ("cursor", '{"mcpServers": {}} trailing', "line 1, column 20"),
        ("cursor", '{"mcpServers": []}', "mcpServers is no object"),
        ("cursor", '{"mcpServers": {"runloop": {"url": "http://there"}}}', "--name"),
        ("vscode", '{"inputs": {}}', "inputs is no array"),
        ("zed", "{\n  /* no end", "line 2, column 3"),
        ("codex", 'model = "big"\n[mcp_servers\n', "line 2"),
        ("codex", "mcp_servers = 3\n", "mcp_servers is no table"),
    ],
)
def test_a_broken_file_is_left_alone(install: Install, home: Path, client: str, text: str, told: str) -> None:
    """The error names file, line and column, and nothing is written, no copy either."""
    path = home / FILES[client][0]
    path.parent.mkdir(parents=True)
    path.write_text(text)
    failed = install(client, "--yes", "--backend", "cloud")
    assert failed.returncode == 1
    assert told in failed.stderr
    assert str(path) in failed.stderr
    assert "Traceback" not in failed.stderr
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_a_link(install: Install, home: Path) -> None:
    """People keep their files elsewhere and link to them: what the link leads to is changed, and the copy is there."""
    real = home / "dotfiles" / "cursor.json"
    real.parent.mkdir()
    real.write_text("{}")
    path = home / ".cursor/mcp.json"
    path.parent.mkdir()
    path.symlink_to(real)
    install("cursor", "--yes")
    assert path.is_symlink()
    assert "runloop" in held(real)["mcpServers"]
    assert len(copies(real)) == 1


def test_nothing_is_written_unasked(install: Install, home: Path) -> None:
    """--dry-run only shows; where nobody can be asked, --yes is needed; both leave the home as it was."""
    for arguments, code in ((["cursor", "--dry-run"], 0), (["cursor"], 2)):
        shown = install(*arguments)
        assert shown.returncode == code
        assert '"runloop"' in shown.stdout
    assert "--yes" in shown.stderr
    assert [path.name for path in home.iterdir()] == ["project"]


def test_a_project_gets_a_command_that_others_have_too(install: Install, home: Path) -> None:
    """A project's file is shared: it names the program, not where it is on this machine."""
    made = json.loads(install("claude-code", "--scope", "project", "--yes", "--json").stdout)
    path = home / "project" / ".mcp.json"
    assert made == {
        "client": "claude-code",
        "file": str(path),
        "name": "runloop",
        "changed": True,
        "backup": None,
        "entry": held(path)["mcpServers"]["runloop"],
        "skill": None,
    }
    assert made["entry"]["command"] == "runloop-mcp"
    (home / "other").mkdir()
    assert json.loads(install("cursor", "--project", str(home / "other"), "--dry-run", "--json").stdout)["file"] == str(
        home / "other/.cursor/mcp.json"
    )
    assert "no configuration of projects" in install("windsurf", "--scope", "project", "--yes").stderr


def test_the_list_tells_where_it_looks(install: Install, home: Path) -> None:
    """For each client and scope the file, and whether the server is in it."""
    install("cursor", "--yes")
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_text("[[[")
    rows = {(row["client"], row["scope"]): row for row in json.loads(install("--list", "--json").stdout)}
    assert {client for client, _ in rows} == set(FILES)
    assert rows["cursor", "user"]["state"] == "there"
    assert rows["codex", "user"]["state"] == "broken file"
    assert rows["zed", "project"] == {
        "client": "zed",
        "scope": "project",
        "state": "no file",
        "file": str(home / "project/.zed/settings.json"),
    }
    assert str(home / ".cursor/mcp.json") in install("--list").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Name a client"),
        (["emacs"], "There is no client 'emacs'"),
        (["cursor", "--dryrun"], "No such option '--dryrun'"),
        (["cursor", "--transport", "http"], "over stdio"),
        (["cursor", "--max-devboxes", "0"], "--max-devboxes"),
        (["cursor", "--no-auth"], "need --transport http"),
        (["cursor", "--toolsets", "autor"], "Did you mean author?"),
        (["cursor", "--scenarios", "nowhere"], "there is no folder"),
        (["cursor", "--uninstall", "--dryrun"], "--dryrun has no place beside --uninstall"),
        (["cursor", "--project", "nowhere"], "'nowhere' does not exist"),
        (["cursor", "--name", "my server"], "clients take letters"),
        (["cursor", "--url", "runs.example"], "ends in /mcp"),
        (["cursor", "--url", "http://[runs.example/mcp"], "ends in /mcp"),
        (["cursor", "--url", "http://runs.example:87870/mcp"], "ends in /mcp"),
        (["cursor", "--url", URL, "--key-env", "KEY", "--header", "authorization: Bearer x"], "exclude each other"),
        (["cursor", "--url", "https://me:pw@runs.example/mcp"], "leave it out"),
        (["cursor", "--url", URL, "--state-dir", "x"], "runs already"),
        (["cursor", "--url", URL, "--key-env", "rlmcp_a-b"], "never a key"),
        (["cursor", "--url", URL, "--header", "sec-4711"], "a name and a value"),
        (["cursor", "--uninstall", "--url", URL], "--url has no place"),
        (["cursor", "--no-key"], "add --url"),
        (["codex", "--url", "https://runs.example/sse"], "does not speak SSE"),
        (["claude-desktop", "--url", URL], "Connectors"),
    ],
)
def test_what_makes_no_sense_is_refused(install: Install, home: Path, arguments: list[str], told: str) -> None:
    """What the server would not understand or not start with is told at once, not when the client fails."""
    refused = install(*arguments, "--yes")
    assert refused.returncode in (1, 2)
    assert told in refused.stderr
    assert [path.name for path in home.iterdir()] == ["project"]


def test_the_skill_is_placed_and_removed(install: Install, runloop: Command, home: Path) -> None:
    """With --skill the client finds the same text that `runloop-mcp skill` prints."""
    assert install("claude-code", "--yes", "--skill").returncode == 0
    path = home / ".claude/skills/runloop-mcp/SKILL.md"
    assert path.read_text() == runloop("skill").stdout
    assert install("claude-code", "--yes", "--skill", "--uninstall").returncode == 0
    assert not path.parent.exists()
    assert "runloop-mcp skill" in install("zed", "--yes", "--skill").stderr
    install("claude-code", "--yes", "--skill", CLAUDE_CONFIG_DIR=str(home / "moved"))
    assert (home / "moved/skills/runloop-mcp/SKILL.md").exists()


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)
_GAPS = st.sampled_from(["", " ", "\n", "\t", "\r\n", ' // note, with } and "\n', "/* , { */", "\n\n  "])


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, object]:
    """A JSON text with comments, odd blanks and trailing commas, and what it holds."""
    servers = draw(st.dictionaries(_NAMES, _VALUES, max_size=3))
    held = {**draw(st.dictionaries(_NAMES, _VALUES, max_size=2)), **({"s": servers} if draw(st.booleans()) else {})}
    return draw(_GAPS) + _written(draw, held) + draw(_GAPS), held


def _written(draw: st.DrawFn, value: object) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    parts = [
        f"{draw(_GAPS)}{json.dumps(key)}{draw(_GAPS)}:{draw(_GAPS)}{_written(draw, inner)}{draw(_GAPS)}"
        for key, inner in value.items()
    ]
    trailing = "," + draw(_GAPS) if parts and draw(st.booleans()) else draw(_GAPS)
    return "{" + ",".join(parts) + trailing + "}"


@settings(max_examples=60, deadline=None)
@given(texts())
def test_any_json_keeps_what_it_holds(case: tuple[str, dict[str, dict[str, object]]]) -> None:
    """Whatever the text looks like, the server is added and removed, and everything else is what it was."""
    text, held = case
    entry = {"command": "x", "args": ["1"]}
    made = json_edit.with_key(text, ["s", "runloop"], entry)
    assert json_edit.read(made) == {**held, "s": {**held.get("s", {}), "runloop": entry}}
    assert [line for line in re.findall(r"// note|/\* , ", text) if line not in made] == []
    assert made.count("// note") == text.count("// note")
    added = json_edit.with_item(made, ["s", "list"], 1) if "list" not in held.get("s", {}) else made
    if added != made:
        twice = json_edit.with_item(added, ["s", "list"], entry)
        assert json_edit.read(twice)["s"]["list"] == [1, entry]
        assert json_edit.read(json_edit.without_item(twice, ["s", "list"], 0))["s"]["list"] == [entry]
        assert json_edit.read(
            json_edit.without_item(json_edit.without_item(twice, ["s", "list"], 1), ["s", "list"], 0)
        ) == json_edit.read(made)
    gone = json_edit.without_key(made, ["s", "runloop"])
    assert json_edit.read(gone) == {**held, "s": held.get("s", {})}
    assert gone.count("// note") == text.count("// note")
