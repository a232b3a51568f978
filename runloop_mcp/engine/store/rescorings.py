"""Later scorings in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3

from runloop_mcp.api.models.trust import Rescoring
from runloop_mcp.api.trace import EventKind
from runloop_mcp.engine.store import events


def keep(connection: sqlite3.Connection, run_id: str, rescoring: Rescoring) -> None:
    """Keeps what a later scoring gave, and tells the run's record of it."""
    connection.execute("INSERT INTO rescorings (run_id, data) VALUES (?, ?)", (run_id, rescoring.model_dump_json()))
    functions = [
        {"name": each.scoring_function_name, "score": each.score, "weight": each.x_weight, "state": each.state}
        for each in rescoring.result.scoring_function_results
    ]
    told: dict[str, object] = {
        "score": rescoring.result.score,
        "complete": rescoring.result.x_complete,
        "mode": rescoring.mode,
        "same_contract": rescoring.same_contract,
        "contract_hash": rescoring.contract_hash,
        "principal": rescoring.principal,
        "duration_ms": rescoring.duration_ms,
        "functions": functions,
    }
    events.append(connection, run_id, EventKind.RESCORE, rescoring.time_ms, told)


def of_run(connection: sqlite3.Connection, run_id: str) -> list[Rescoring]:
    """The later scorings of a run, in order."""
    rows = connection.execute("SELECT data FROM rescorings WHERE run_id = ? ORDER BY number", (run_id,)).fetchall()
    return [Rescoring.model_validate_json(row[0]) for row in rows]
