"""The small JSON files in which the driver's folder says what is made of what."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runloop_mcp.devbox.port import DevboxSpec, Files, Limits, Network, User, WorkOf

LAY_IN = "working_directory"
"""In a snapshot's record: where the working directory lay; absent in records of the first version."""


@dataclass(frozen=True, slots=True)
class Chains:
    """The layers under the parts of a disk, top first, as names relative to the driver's folder."""

    home: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    read_only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Where in the box, and the layers that lie there as they are."""

    def layers(self) -> set[str]:
        """All of them."""
        return {layer for chain in (self.home, self.work, *(chain for _, chain in self.read_only)) for layer in chain}


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
    return {"home": list(chains.home), "work": list(chains.work), "mounts": dict(chains.read_only)}


def chains_from_json(about: dict[str, Any]) -> Chains:
    """The layers that a record names."""
    mounts = about.get("mounts", {})  # records of the first version have none
    return Chains(tuple(about["home"]), tuple(about["work"]), tuple((at, tuple(mounts[at])) for at in mounts))


def spec_to_json(spec: DevboxSpec) -> dict[str, Any]:
    """A spec, for a record."""
    return {
        "working_directory": spec.working_directory,
        "files": _source_to_json(spec.files) if spec.files else None,
        "home_snapshot": spec.home_snapshot,
        "work_snapshot": spec.work_snapshot,
        "read_only": {at: _source_to_json(source) for at, source in spec.read_only.items()},
        "environment": dict(spec.environment),
        "limits": {name: getattr(spec.limits, name) for name in Limits.__slots__},
        "network": spec.network.value,
        "user": {"name": spec.user.name, "uid": spec.user.uid},
        "guards": spec.guards,
        "image": spec.image,
    }


def spec_from_json(about: dict[str, Any]) -> DevboxSpec:
    """The spec that a record holds."""
    files = about["files"]
    return DevboxSpec(
        **{
            **about,
            "files": Files(files["key"], Path(files["source"])) if files else None,
            "read_only": {at: _source_from_json(source) for at, source in about.get("read_only", {}).items()},
            "limits": Limits(**about["limits"]),
            "network": Network(about["network"]),
            "user": User(**about.get("user", {})),  # records of the first version have none
        }
    )


def _source_to_json(source: Files | WorkOf) -> dict[str, str]:
    if isinstance(source, WorkOf):
        return {"snapshot": source.snapshot_id}
    return {"key": source.key, "source": str(source.source)}


def _source_from_json(about: dict[str, str]) -> Files | WorkOf:
    return WorkOf(about["snapshot"]) if "snapshot" in about else Files(about["key"], Path(about["source"]))
