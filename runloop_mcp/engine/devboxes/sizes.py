"""The sizes of devboxes: what may be asked for, the limits that follow, and what is told when one is hit."""

from collections.abc import Collection, Iterator

from runloop_mcp.api.models.scenario import LaunchParameters
from runloop_mcp.devbox.port import LimitHit, Limits

_GIB = 1024**3
CUSTOM_SIZE = "CUSTOM_SIZE"
SIZES: dict[str, Limits] = {
    "X_SMALL": Limits(cpus=0.5, memory_bytes=1 * _GIB, disk_bytes=4 * _GIB),
    "SMALL": Limits(cpus=1, memory_bytes=2 * _GIB, disk_bytes=4 * _GIB),
    "MEDIUM": Limits(cpus=2, memory_bytes=4 * _GIB, disk_bytes=8 * _GIB),
    "LARGE": Limits(cpus=2, memory_bytes=8 * _GIB, disk_bytes=16 * _GIB),
    "X_LARGE": Limits(cpus=4, memory_bytes=16 * _GIB, disk_bytes=16 * _GIB),
    "XX_LARGE": Limits(cpus=8, memory_bytes=32 * _GIB, disk_bytes=16 * _GIB),
}
"""The wire's sizes of devboxes."""

DEFAULT_SIZE = "SMALL"
_DEFAULT_CPUS, _DEFAULT_MEMORY, _DEFAULT_DISK = 1, 2, 4
"""What a custom size has that it does not say: that of the default size."""

_MOST_CPUS, _MOST_MEMORY, _MOST_DISK = 16, 64, 64
_LEAST_MEMORY_PER_CPU, _MOST_MEMORY_PER_CPU = 2, 8


def limits_of(launch: LaunchParameters) -> Limits:
    """What a devbox of this size may use; the size is one that `size_faults` finds nothing wrong with."""
    if launch.resource_size_request != CUSTOM_SIZE:
        return SIZES[launch.resource_size_request or DEFAULT_SIZE]
    cpus, memory, disk = _custom(launch)
    return Limits(cpus=cpus, memory_bytes=int(memory * _GIB), disk_bytes=int(disk * _GIB))


def _custom(launch: LaunchParameters) -> tuple[float, float, float]:
    return (
        _DEFAULT_CPUS if launch.custom_cpu_cores is None else launch.custom_cpu_cores,
        _DEFAULT_MEMORY if launch.custom_gb_memory is None else launch.custom_gb_memory,
        _DEFAULT_DISK if launch.custom_disk_size is None else launch.custom_disk_size,
    )


def size_faults(launch: LaunchParameters) -> Iterator[tuple[str, str]]:
    """What is wrong with the size that is asked for: the field, and what is valid."""
    size = launch.resource_size_request
    if size not in (None, CUSTOM_SIZE, *SIZES):
        yield "resource_size_request", f"{size!r} must be one of {', '.join(SIZES)} and {CUSTOM_SIZE}"
        return
    if size != CUSTOM_SIZE:
        for field in ("custom_cpu_cores", "custom_gb_memory", "custom_disk_size"):
            if getattr(launch, field) is not None:
                yield field, f"needs resource_size_request to be {CUSTOM_SIZE}"
        return
    faults = list(_custom_faults(launch))
    yield from faults
    if not faults:
        yield from _ratio_faults(launch)


def _custom_faults(launch: LaunchParameters) -> Iterator[tuple[str, str]]:
    cpus, memory, disk = _custom(launch)
    if cpus not in (0.5, 1) and not _even(cpus, _MOST_CPUS):
        yield "custom_cpu_cores", f"{cpus:g} must be 0.5, 1 or a multiple of 2 up to {_MOST_CPUS}"
    if memory != 1 and not _even(memory, _MOST_MEMORY):
        yield "custom_gb_memory", f"{memory:g} must be 1 or a multiple of 2 up to {_MOST_MEMORY}"
    if not _even(disk, _MOST_DISK):
        yield "custom_disk_size", f"{disk:g} must be a multiple of 2 from 2 to {_MOST_DISK}"


def _even(number: float, most: int) -> bool:
    return 2 <= number <= most and number % 2 == 0


def _ratio_faults(launch: LaunchParameters) -> Iterator[tuple[str, str]]:
    cpus, memory, _ = _custom(launch)
    least, most = cpus * _LEAST_MEMORY_PER_CPU, cpus * _MOST_MEMORY_PER_CPU
    if not least <= memory <= most:
        field = "custom_gb_memory" if launch.custom_gb_memory is not None else "custom_cpu_cores"
        message = (
            f"{cpus:g} CPU need {least:g} to {most:g} GiB of memory (1:{_LEAST_MEMORY_PER_CPU} to"
            f" 1:{_MOST_MEMORY_PER_CPU}), and have {memory:g}; give custom_cpu_cores and custom_gb_memory together"
        )
        yield field, message


def hit_notes(hits: Collection[LimitHit], limits: Limits) -> list[str]:
    """What the caller of a command is told of the limits that were hit while it ran."""
    if not hits:
        return []
    told = {
        LimitHit.MEMORY: (
            f"While this ran, the devbox was out of memory{_of(limits.memory_bytes)}, and a process was killed for it."
        ),
        LimitHit.DISK: (
            f"While this ran, the devbox's disk was at its limit{_of(limits.disk_bytes)}: what needed more was refused,"
            " or killed for it. Delete what is not needed before you go on."
        ),
        LimitHit.PROCESSES: (
            f"While this ran, the devbox had as many processes as it may ({limits.processes}), so that one could not be"
            " started."
        ),
        LimitHit.CPUS: (
            f"While this ran, the devbox used all that it may of the processors ({limits.cpus:g}), and had to wait."
            if limits.cpus is not None
            else "While this ran, the devbox had to wait for processors."
        ),
    }
    return [told[hit] for hit in LimitHit if hit in hits]


def _of(size: int | None) -> str:
    return f" ({size / _GIB:g} GiB)" if size is not None else ""


def failure_reason(hits: Collection[LimitHit]) -> str:
    """The wire's word for why a devbox failed whose launch ran into limits, if it did."""
    if LimitHit.MEMORY in hits:
        return "out_of_memory"
    return "out_of_disk" if LimitHit.DISK in hits else "execution_failed"
