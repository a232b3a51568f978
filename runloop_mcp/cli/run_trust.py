"""What `runs show` tells of how far a score can be trusted: the tamper report, and later scorings."""

from collections.abc import Sequence
from datetime import UTC, datetime

from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.trust import NetworkAttempts, Rescoring, TamperReport
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.quantities import amount, score_text

_SHOWN = 5
"""How many names a line shows; `--json` shows all that are kept."""


def trust_rows(run: ScenarioRunView) -> list[tuple[str, str]]:
    """Rows for the table of a run: nothing where nothing is known yet."""
    details = run.x_runloop_mcp
    if details is None:
        return []
    rows = _report_rows(details.tamper_report) if details.tamper_report else []
    if details.restored_files:
        rows.append(("put back", _names(details.restored_files)))
    return rows + [("rescored", _rescored(each)) for each in details.rescorings]


def _report_rows(report: TamperReport) -> list[tuple[str, str]]:
    kinds = (
        ("tests changed", report.tests_changed),
        ("in scorers' way", report.scorer_inputs),
        ("left running", report.processes),
        ("changed outside", report.changed_outside),
    )
    rows = [(label, _names(names)) for label, names in kinds if names]
    if report.network is not None and (tried := _tried(report.network)):
        rows.append(("network", tried))
    if not rows and not report.not_observed:
        rows.append(("beside the answer", "nothing was changed, left running or tried"))
    if report.truncated:
        rows.append(("", "there was more than is listed"))
    return rows + [("not observed", sentence) for sentence in report.not_observed]


def _tried(network: NetworkAttempts) -> str:
    parts = []
    if network.unreachable:
        parts.append(f"tried to reach addresses outside ({amount(network.unreachable, 'packet')})")
    if network.lookups:
        parts.append(f"tried to look up names ({amount(network.lookups, 'packet')})")
    return "; ".join(parts)


def _rescored(rescoring: Rescoring) -> str:
    moment = datetime.fromtimestamp(rescoring.time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    contract = "the same contract" if rescoring.same_contract else f"contract {rescoring.contract_hash[:12]}"
    return (
        f"{score_text(rescoring.result.score)} at {moment} by {printable(rescoring.principal)}, {rescoring.mode},"
        f" {contract}"
    )


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(printable, names[:_SHOWN])) + more
