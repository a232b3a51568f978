"""What can go, and why: decided from a survey alone, without touching anything."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import RunState
from runloop_mcp.devbox.port import Kept, KeptKind
from runloop_mcp.engine.objects.contents import is_half_written
from runloop_mcp.engine.retention.survey import Survey
from runloop_mcp.engine.runs.states import WITH_SCORE
from runloop_mcp.engine.scoring.scoring_devbox import Purpose, scoring_devbox_ids
from runloop_mcp.engine.store.retention import DevboxRecord

_DAY_MS = 24 * 3600 * 1000
_TOOLS_DAYS = 14
"""How long what was built for scorers and mounts is kept without being used."""
_GONE = frozenset({DevboxStatus.SHUTDOWN, DevboxStatus.FAILURE})
_AT_WORK = frozenset({RunState.RUNNING, RunState.SCORING})


class What(StrEnum):
    """What it is that goes, in the words that people are told."""

    DEVBOX = "devbox"
    SNAPSHOT = "snapshot"
    FILES = "files"
    LEFTOVER = "leftover"
    OUTPUT = "output"
    LOCK = "lock"
    OBJECT = "object"


class Why(StrEnum):
    """Why something goes."""

    AGE = "its run or devbox ended long enough ago"
    SIZE = "everything that is kept takes too much of the disk"
    ENDED = "its run or devbox has ended and needs it no more"
    UNKNOWN = "no run or scenario needs it"
    UNUSED = "no scorer or mount has used it for long"
    LEFT = "a server that ended left it"
    DELETED = "it was deleted, or its time is over"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that goes."""

    what: What
    id: str
    kept: Kept | None = None
    """As the driver told of it, where the driver keeps it."""


@dataclass(slots=True)
class Step:
    """Things that go together."""

    why: Why
    items: list[Item] = field(default_factory=list)
    record: DevboxRecord | None = None
    """The devbox that they are of, which nobody may hold meanwhile."""
    prunes: bool = False
    """Whether it takes away what is kept for a limited time, so that the store is to know."""
    tools: str | None = None
    """The key of what was built for scorers, which the store is to forget first."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A survey, sorted out."""

    leftovers: list[Step]
    """What goes in any case."""
    retained: list[Step]
    """What is kept for a limited time, one step for each run, the oldest first."""


def sort_out(survey: Survey, *, grace_ms: int) -> Sorted:
    """Tells what goes in any case from what is kept for a limited time; the rest is in use.

    Args:
        survey: What there is.
        grace_ms: How old something that the store does not know has to be: it may be in the making.
    """
    return _Sorting(survey, grace_ms).result()


def over_age(retained: Sequence[Step], *, now_ms: int, days: float) -> list[Step]:
    """Those that have been kept for long enough."""
    return [step for step in retained if step.record is not None and step.record.ended_ms + days * _DAY_MS <= now_ms]


def over_size(retained: Sequence[tuple[Step, int]], *, limit: int) -> list[Step]:
    """Those that have to go, the oldest first, for the rest to take no more than the limit.

    Args:
        retained: Steps with the bytes that each would free, the oldest first.
        limit: In bytes.
    """
    total = sum(size for _, size in retained)
    going = []
    for step, size in retained:
        if total <= limit:
            break
        going.append(step)
        total -= size
    return going


class _Sorting:
    def __init__(self, survey: Survey, grace_ms: int) -> None:
        self._survey = survey
        self._young = survey.now_ms - grace_ms
        self._ended: dict[str, Step] = {}
        self._retained: dict[str, Step] = {}
        self._others: list[Step] = []
        records = survey.records.values()
        self._pristine = {each.pristine_home_snapshot: each for each in records}
        self._frozen = {each.frozen_snapshot: each for each in records if each.frozen_snapshot}
        self._scoring = {
            name: each
            for frozen, each in self._frozen.items()
            for purpose in Purpose
            for name in scoring_devbox_ids(frozen, purpose)
        }

    def result(self) -> Sorted:
        for record in self._survey.records.values():
            if not _needs_its_devbox(record) and not record.pruned:
                self._retained[record.id] = Step(Why.AGE, record=record, prunes=True)
        for kept in self._survey.kept:
            self._sort_kept(kept)
        for devbox_id, changed_ms in self._survey.outputs.items():
            self._sort_own(Item(What.OUTPUT, devbox_id), changed_ms, limited=True)
        for devbox_id, changed_ms in self._survey.locks.items():
            self._sort_own(Item(What.LOCK, devbox_id), changed_ms, limited=False)
        for name, changed_ms in self._survey.objects.items():
            self._sort_object(name, changed_ms)
        retained = sorted(self._retained.values(), key=lambda step: step.record.ended_ms if step.record else 0)
        return Sorted([*self._ended.values(), *self._others], retained)

    def _sort_kept(self, kept: Kept) -> None:
        item = Item(What(kept.kind.value), kept.id, kept)
        if kept.kind is KeptKind.DEVBOX:
            scored = self._scoring.get(kept.id)
            if scored is not None:
                # One that is young may have been made by a rescoring just now.
                if scored.state is not RunState.SCORING and kept.changed_ms <= self._young:
                    self._end(item, scored)
            else:
                record = self._survey.records.get(kept.id)
                limited = record is not None and record.state is RunState.TIMEOUT
                self._sort_own(item, kept.changed_ms, limited=limited)
        elif kept.kind is KeptKind.SNAPSHOT and kept.id in self._survey.bases:
            return
        elif kept.kind is KeptKind.SNAPSHOT and kept.id in self._survey.built_tools:
            key, used_ms = self._survey.built_tools[kept.id]
            if used_ms + _TOOLS_DAYS * _DAY_MS <= self._survey.now_ms:
                self._others.append(Step(Why.UNUSED, [item], tools=key))
        elif kept.kind is KeptKind.SNAPSHOT:
            record = self._frozen.get(kept.id) or self._pristine.get(kept.id)
            # The home from before the solver came goes with the frozen disk, for both to be scored again.
            limited = record is not None and record.state in WITH_SCORE
            self._sort(item, record, kept.changed_ms, limited=limited)
        elif not kept.in_use and kept.changed_ms <= self._young and kept.id not in self._survey.file_keys:
            self._others.append(Step(Why.UNKNOWN if kept.kind is KeptKind.FILES else Why.LEFT, [item]))

    def _sort_object(self, name: str, changed_ms: int) -> None:
        if is_half_written(name):
            if changed_ms <= self._young:
                self._others.append(Step(Why.LEFT, [Item(What.OBJECT, name)]))
        elif name not in self._survey.kept_objects:
            self._others.append(Step(Why.DELETED, [Item(What.OBJECT, name)]))

    def _sort_own(self, item: Item, changed_ms: int, *, limited: bool) -> None:
        """Sorts what has the name of its devbox."""
        self._sort(item, self._survey.records.get(item.id), changed_ms, limited=limited)

    def _sort(self, item: Item, record: DevboxRecord | None, changed_ms: int, *, limited: bool) -> None:
        if record is None:
            if changed_ms <= self._young:
                self._others.append(Step(Why.UNKNOWN, [item]))
        elif _needs_its_devbox(record):
            return
        elif limited and not record.pruned:
            self._retained[record.id].items.append(item)
        else:
            self._end(item, record)

    def _end(self, item: Item, record: DevboxRecord) -> None:
        self._ended.setdefault(record.id, Step(Why.ENDED, record=record)).items.append(item)


def _needs_its_devbox(record: DevboxRecord) -> bool:
    """Whether anything of a devbox may still be wanted by its run."""
    if record.state in _AT_WORK:
        return True
    return record.state in (RunState.SCORED, None) and record.status not in _GONE
