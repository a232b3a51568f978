"""What Runloop devboxes need, found by asking: no devbox is made for it, as that costs money."""

from typing import TYPE_CHECKING

from runloop_mcp.api.errors import ApiError
from runloop_mcp.devbox.port import Capability, Finding

from . import HOSTED, NO_KEY

if TYPE_CHECKING:
    from .driver import RunloopDriver


async def examine(driver: "RunloopDriver") -> Capability:
    """Looks for the key and asks the API whether it is good."""
    if driver.key is None and driver.base_url == HOSTED:
        missing = Finding("key", ok=False, detail="There is no key for the Runloop API.", remedy=NO_KEY)
        return Capability(driver.name, "none", [missing])
    detail = "RUNLOOP_API_KEY is set." if driver.key is not None else "None is set, and this API may want none."
    findings = [Finding("key", ok=True, detail=detail)]
    try:
        await driver.greet()
    except ApiError as error:
        remedy = error.hint or "Check RUNLOOP_BASE_URL and RUNLOOP_API_KEY."
        findings.append(Finding("api", ok=False, detail=error.message, remedy=remedy))
        return Capability(driver.name, "none", findings)
    findings.append(Finding("api", ok=True, detail=f"{driver.base_url} answers, and takes the key."))
    base = f"the blueprint {driver.blueprint}" if driver.blueprint else "Runloop's own image"
    findings.append(Finding("image", ok=True, detail=f"Devboxes are made from {base}.", required=False))
    findings.append(
        Finding(
            "network",
            ok=True,
            detail="Devboxes reach the network as the account's policies let them: no devbox can be promised none.",
            required=False,
        )
    )
    return Capability(driver.name, tier_at(driver.base_url), findings)


def tier_at(base_url: str) -> str:
    """How isolated devboxes are there: known of Runloop's own service alone."""
    return "microvm" if base_url == HOSTED else "remote"
