"""The small JSON files in which the driver's folder says what is made of what."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runloop_mcp.devbox.port import DevboxSpec, Files, Limits, Network


@dataclass(frozen=True, slots=True)
class Chains:
    """The layers under home and working directory, top first, as names relative to the driver's folder."""

    home: tuple[str, ...] = ()
    work: tuple[str, ...] = ()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a record, whole or not at all; only its owner can read it."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
    fresh.rename(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Reads a record; None where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return content if isinstance(content, dict) else None


def chains_to_json(chains: Chains) -> dict[str, Any]:
    """The layers, for a record."""
    return {"home": list(chains.home), "work": list(chains.work)}


def chains_from_json(about: dict[str, Any]) -> Chains:
    """The layers that a record names."""
    return Chains(tuple(about["home"]), tuple(about["work"]))


def spec_to_json(spec: DevboxSpec) -> dict[str, Any]:
    """A spec, for a record."""
    return {
        "working_directory": spec.working_directory,
        "files": {"key": spec.files.key, "source": str(spec.files.source)} if spec.files else None,
        "home_snapshot": spec.home_snapshot,
        "work_snapshot": spec.work_snapshot,
        "environment": dict(spec.environment),
        "limits": {name: getattr(spec.limits, name) for name in Limits.__slots__},
        "network": spec.network.value,
    }


def spec_from_json(about: dict[str, Any]) -> DevboxSpec:
    """The spec that a record holds."""
    files = about["files"]
    return DevboxSpec(
        **{
            **about,
            "files": Files(files["key"], Path(files["source"])) if files else None,
            "limits": Limits(**about["limits"]),
            "network": Network(about["network"]),
        }
    )
