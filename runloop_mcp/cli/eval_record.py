"""Which evaluation is meant: a new one, or one that was begun and goes on."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.evaluation.results import EvalRecord, parse, read_record

TIMEOUT_SECONDS = 1800.0
RECORD = "eval.json"


def begun_or_new(evals: Path, output: Path | None, asked: Mapping[str, Any]) -> EvalRecord:
    """The evaluation that writes to a file, with what is asked for now; a new one where none has.

    Args:
        evals: Where the records of evaluations are.
        output: The file with its results; None for a new evaluation with a file of its own.
        asked: Fields of the record that the command line gives.

    Raises:
        InvalidRequest: The file holds something else, or the results of another agent.
    """
    begun = _begun(evals, output) if output is not None else None
    if begun is not None:
        return _going_on(begun, asked)
    if "agent" not in asked:
        raise InvalidRequest(
            "No agent is given.",
            hint="Give the command that runs one: --agent 'my-agent --mcp \"$RUNLOOP_MCP_CONFIG\"'.",
        )
    eval_id = f"eval-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    return EvalRecord.model_validate(
        {
            "timeout_seconds": TIMEOUT_SECONDS,
            **asked,
            "eval_id": eval_id,
            "output": str(output or evals / eval_id / "results.jsonl"),
        }
    )


def _begun(evals: Path, output: Path) -> EvalRecord | None:
    if not output.exists():
        return None
    results = parse(output.read_bytes(), output)
    if not results:
        # Interrupted before the first result, it is known by its record alone.
        records = (read_record(path, EvalRecord) for path in sorted(evals.glob(f"*/{RECORD}"), reverse=True))
        return next((record for record in records if record is not None and record.output == str(output)), None)
    record = read_record(evals / results[0].eval_id / RECORD, EvalRecord)
    if record is None:
        raise InvalidRequest(
            f"The evaluation {results[0].eval_id}, whose results {output} holds, is not in this state directory.",
            hint="Name its own with --state-dir, or another file with --output.",
        )
    return record


def _going_on(record: EvalRecord, asked: Mapping[str, Any]) -> EvalRecord:
    for field, what in (("agent", "agent"), ("model", "model")):
        if field in asked and asked[field] != getattr(record, field):
            raise InvalidRequest(
                f"{record.output} holds results of another {what}: {getattr(record, field) or 'none'}.",
                hint="Figures over both would tell nothing. Name another file with --output.",
            )
    return record.model_copy(update=dict(asked))
