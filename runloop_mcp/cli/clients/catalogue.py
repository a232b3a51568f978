"""The clients: where each keeps its servers on which system, and how it writes one.

docs/install.md tells which documents and versions this was taken from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath


class Scope(StrEnum):
    """For whom a server is configured."""

    USER = "user"
    PROJECT = "project"


@dataclass(frozen=True)
class Remote:
    """How a client writes a server that it reaches at an address.

    Args:
        address: The field of the address, over streamable HTTP.
        sse_address: The same over SSE; None where the client is not known to speak it.
        says_type: Whether an entry says of its transport `http` or `sse`.
        headers: The field of the headers that it sends.
        key_reference: How a header names what the key comes from, with `{}` for its name; None where there is no way.
        key_field: The field that names the variable with the key, where a client has one for that.
    """

    address: str = "url"
    sse_address: str | None = None
    says_type: bool = False
    headers: str = "headers"
    key_reference: str | None = None
    key_field: str | None = None


@dataclass(frozen=True)
class Client:
    """An MCP client that starts servers over stdio, and may reach others at an address.

    Args:
        name: What it is called on the command line.
        title: What people call it.
        section: The key of its file below which servers stand, by name.
        user_file: System (`linux`, `darwin`, `win32`) → the user's file; `~`, and variables as in `$APPDATA`.
        project_file: The file of a project, below its folder; None where it has none.
        home_variable: A variable that moves the folder of the user's file and skills, where it knows one.
        type_field: What an entry says of its transport, where the client wants to be told.
        key_reference: How an entry's `env` names a variable of the client's own environment, with `{}` for its name;
            None where servers get that environment anyway, or where there is no way.
        remote: How it writes a server behind an address; None where its file takes none.
        hands_on_environment: Whether servers see the variables of the client's environment without being told so.
        user_skills: Where the user's skills are; None where it reads none.
        project_skills: Likewise of a project.
        afterwards: What makes it see the change.
    """

    name: str
    title: str
    section: str
    user_file: Mapping[str, str]
    project_file: str | None
    home_variable: str | None = None
    type_field: str | None = None
    key_reference: str | None = None
    remote: Remote | None = None
    hands_on_environment: bool = False
    user_skills: str | None = None
    project_skills: str | None = None
    afterwards: str = "Start it again to see the server."

    @property
    def asks_for_keys(self) -> bool:
        """Whether it asks a person for secrets, and keeps them out of its file."""
        return self.key_reference is not None and "input:" in self.key_reference

    @property
    def is_toml(self) -> bool:
        """Whether its file is TOML; all others are JSON, with comments or without."""
        return PurePath(self.user_file["linux"]).suffix == ".toml"

    def file(
        self, scope: Scope, *, system: str, home: Path, project: Path, variables: Mapping[str, str]
    ) -> Path | None:
        """Its file, there or not; None where it has none for that scope.

        Args:
            scope: The user's or the project's.
            system: As `sys.platform` says it.
            home: The user's home.
            project: The project's folder.
            variables: The environment.
        """
        if scope is Scope.PROJECT:
            return project / self.project_file if self.project_file else None
        known = self.user_file.get(system, self.user_file["linux"])
        return self._below_home(known, home, variables)

    def skills(self, scope: Scope, *, home: Path, project: Path, variables: Mapping[str, str]) -> Path | None:
        """Where it looks for skills; None where it reads none for that scope."""
        if scope is Scope.PROJECT:
            return project / self.project_skills if self.project_skills else None
        return self._below_home(self.user_skills, home, variables) if self.user_skills else None

    def _below_home(self, known: str, home: Path, variables: Mapping[str, str]) -> Path:
        folder = variables.get(self.home_variable, "") if self.home_variable else ""
        return Path(folder) / PurePath(known).name if folder else _expanded(known, home, variables)


_FALLBACKS = {"XDG_CONFIG_HOME": ".config", "APPDATA": "AppData/Roaming"}


def _expanded(path: str, home: Path, variables: Mapping[str, str]) -> Path:
    first, _, rest = path.partition("/")
    if first == "~":
        return home / rest
    name = first.removeprefix("$")
    return Path(variables.get(name) or home / _FALLBACKS[name]) / rest


def _everywhere(path: str) -> dict[str, str]:
    return {"linux": path, "darwin": path, "win32": path}


def _by_system(below: str, *, darwin: str | None = None) -> dict[str, str]:
    return {
        "linux": f"$XDG_CONFIG_HOME/{below}",
        "darwin": darwin or f"~/Library/Application Support/{below}",
        "win32": f"$APPDATA/{below}",
    }


CLIENTS: dict[str, Client] = {
    client.name: client
    for client in (
        Client(
            name="claude-code",
            title="Claude Code",
            section="mcpServers",
            user_file=_everywhere("~/.claude.json"),
            project_file=".mcp.json",
            home_variable="CLAUDE_CONFIG_DIR",
            type_field="stdio",
            remote=Remote(sse_address="url", says_type=True, key_reference="${{{}}}"),
            hands_on_environment=True,
            user_skills="~/.claude/skills",
            project_skills=".claude/skills",
            afterwards="Sessions that begin from now on have it; `claude mcp list` shows it.",
        ),
        Client(
            name="claude-desktop",
            title="Claude Desktop",
            section="mcpServers",
            user_file=_by_system("Claude/claude_desktop_config.json"),
            project_file=None,
            afterwards="Quit Claude Desktop and start it again to see the server.",
        ),
        Client(
            name="cursor",
            title="Cursor",
            section="mcpServers",
            user_file=_everywhere("~/.cursor/mcp.json"),
            project_file=".cursor/mcp.json",
            key_reference="${{env:{}}}",
            remote=Remote(sse_address="url", key_reference="${{env:{}}}"),
            afterwards="Switch it on in Cursor's settings, under MCP.",
        ),
        Client(
            name="vscode",
            title="VS Code",
            section="servers",
            user_file=_by_system("Code/User/mcp.json"),
            project_file=".vscode/mcp.json",
            type_field="stdio",
            key_reference="${{input:{}}}",
            remote=Remote(sse_address="url", says_type=True, key_reference="${{input:{}}}"),
            afterwards="VS Code asks whether to trust it when it starts it: `MCP: List Servers`.",
        ),
        Client(
            name="codex",
            title="Codex",
            section="mcp_servers",
            user_file=_everywhere("~/.codex/config.toml"),
            project_file=".codex/config.toml",
            home_variable="CODEX_HOME",
            remote=Remote(headers="http_headers", key_field="bearer_token_env_var"),
            user_skills="~/.codex/skills",
            afterwards="Sessions that begin from now on have it; `codex mcp list` shows it. A project's file is read"
            " only where Codex trusts the project.",
        ),
        Client(
            name="gemini",
            title="Gemini CLI",
            section="mcpServers",
            user_file=_everywhere("~/.gemini/settings.json"),
            project_file=".gemini/settings.json",
            key_reference="${}",
            remote=Remote(address="httpUrl", sse_address="url", key_reference="${}"),
            user_skills="~/.gemini/skills",
            project_skills=".gemini/skills",
            afterwards="Sessions that begin from now on have it; `gemini mcp list` shows it in trusted folders.",
        ),
        Client(
            name="windsurf",
            title="Windsurf",
            section="mcpServers",
            user_file=_everywhere("~/.codeium/windsurf/mcp_config.json"),
            project_file=None,
            key_reference="${{env:{}}}",
            remote=Remote(address="serverUrl", sse_address="serverUrl", key_reference="${{env:{}}}"),
            afterwards="Refresh the servers in Cascade's MCP panel.",
        ),
        Client(
            name="zed",
            title="Zed",
            section="context_servers",
            user_file=_by_system("zed/settings.json", darwin="~/.config/zed/settings.json"),
            project_file=".zed/settings.json",
            remote=Remote(),
            afterwards="Zed starts it at once; the settings of the agent show it.",
        ),
    )
}
"""By name, in the order in which they are shown."""
