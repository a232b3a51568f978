"""What all groups of the cloud backend share."""

from dataclasses import dataclass

from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud.capability import ScenarioCapability
from runloop_mcp.cloud.masking import Known
from runloop_mcp.cloud.places import Places
from runloop_mcp.cloud.sightings import Sightings


@dataclass(frozen=True, slots=True)
class CloudContext:
    """The parts of a cloud backend."""

    client: RunloopClient
    scenarios: ScenarioCapability
    places: Places
    sightings: Sightings
    known: Known
