"""The attacks that are known, and the tests that carry each out; `scripts/attack-table` prints what came of them.

A driver that can't block an attack has it among `LIMITS`, with the sentence that its documentation has: its tests are
left out for that driver, and the table shows the sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Attack:
    """Something that a solver may try."""

    name: str
    tests: tuple[tuple[str, str], ...]
    """File, relative to this folder, and function; it is blocked where all of them pass."""


def _attack(name: str, file: str, *functions: str) -> Attack:
    folder, _, part = file.rpartition("/")
    path = f"contract/test_driver_{part}.py" if folder == "contract" else f"attacks/test_attack_{part}.py"
    return Attack(name, tuple((path, f"test_{function}") for function in functions))


ATTACKS = (
    _attack(
        "read the host's secrets: files, environment, descriptors, our state", "reading",
        "a_planted_secret_is_nowhere", "the_search_would_find_it", "private_places_of_the_host_are_closed",
    ),
    _attack("learn accounts, names and ids of the host", "reading", "accounts_of_the_host_are_not_told"),
    _attack("see the host's processes", "reading", "the_hosts_processes_are_not_seen"),
    _attack("see another devbox: processes, files, queues", "network", "devboxes_do_not_see_each_other"),
    _attack("read pid 1: environ, fd, root, mem, maps", "reading", "the_supervisors_secrets_are_closed"),
    _attack("take pid 1 over: ptrace, process_vm_writev, pidfd_getfd", "reading",
            "the_supervisors_memory_cannot_be_seized"),
    _attack("change limits of pid 1, or what processes are told apart by", "lifetime",
            "what_processes_are_told_apart_by_cannot_be_changed"),
    _attack("use an inherited descriptor", "reading", "no_descriptor_is_inherited"),
    _attack("read our package: references, hidden tests", "reading", "our_own_package_is_not_there"),
    _attack("reach docker, podman, dbus; write core_pattern, sysrq, /sys", "reading",
            "places_of_sockets_and_kernel_settings_are_closed"),
    _attack("kill processes of the host", "escapes", "processes_of_the_host_cannot_be_killed"),
    _attack("kill, stop or silence the supervisor", "escapes", "the_supervisor_cannot_be_killed_or_stopped"),
    _attack("kill a command and have it taken for lost", "escapes",
            "a_command_that_kills_all_else_is_itself_told_of"),
    _attack("namespaces, mounts, bpf, perf, io_uring, userfaultfd, keys, modules, vsock", "escapes",
            "no_system_call_opens_a_way_out", "the_way_of_a_nested_sandbox_is_closed"),
    _attack("gain rights: capabilities, setuid, setgid", "escapes", "a_process_has_no_rights",
            "setuid_gives_nothing"),
    _attack("make or open a device", "escapes", "only_harmless_devices_are_there"),
    _attack("type into a terminal: TIOCSTI", "escapes", "nothing_can_be_typed_into_a_terminal"),
    _attack("write to the system: programs, libraries, settings", "escapes", "the_system_cannot_be_written"),
    _attack("change host name, clock, priorities, oom score; raise limits", "escapes", "the_machine_is_as_it_was"),
    _attack("hard-link a file of the host", "files", "hard_links_do_not_reach_out"),
    _attack("lead the file calls out: .., links, procfs", "files", "no_path_leads_to_a_file_of_the_host",
            "procfs_is_no_way_round", "the_supervisor_is_not_made_to_open_itself", "no_file_appears_on_the_host"),
    _attack("lead them out by changing the path meanwhile", "files",
            "a_path_that_changes_meanwhile_leads_nowhere_else"),
    _attack("lead a snapshot or a copy out", "files", "a_layer_is_never_opened_from_outside"),
    _attack("hang the file calls: FIFO, device, directory", "contract/files", "only_regular_files_are_read_and_written",
            "a_fifo_with_somebody_at_its_other_end_is_refused_too"),
    _attack("hang or flood a search for files", "contract/files", "a_hostile_tree_does_not_hold_the_search",
            "too_many_files_are_given_up_on"),
    _attack("file names with newlines or invalid UTF-8", "contract/files",
            "any_name_can_be_written_read_found_and_deleted"),
    _attack("reach services of the host: loopback, all addresses, abstract sockets, sockets in folders", "network",
            "services_of_the_host_are_not_reached", "the_services_can_be_reached_at_all"),
    _attack("reach this server's own port", "network", "this_servers_own_port_is_not_reached"),
    _attack("reach the internet, private networks, the metadata address", "network", "nothing_outside_is_reached",
            "names_are_not_resolved_outside"),
    _attack("reach another devbox", "network", "devboxes_do_not_reach_each_other"),
    _attack("fork bomb", "contract/limits", "a_fork_bomb_is_bounded", "a_wild_fork_bomb_ends_with_its_time_limit"),
    _attack("take all memory, in one process or many", "contract/limits", "memory_is_bounded"),
    _attack("fill memory with files", "exhaustion", "memory_is_not_filled_with_files"),
    _attack("hold memory outside of processes: memfd, System V segments", "exhaustion",
            "memory_is_not_held_outside_of_processes"),
    _attack("fill the disk: many writers, deleted files, mappings, empty files", "exhaustion",
            "the_disk_is_not_filled"),
    _attack("take the disk in advance: fallocate", "exhaustion", "room_is_not_taken_in_advance"),
    _attack("open files without end", "contract/limits", "open_files_are_bounded"),
    _attack("print gigabytes", "contract/execution", "a_flood_of_output_passes_through_in_constant_memory"),
    _attack("print NUL, escape sequences, invalid UTF-8", "contract/execution",
            "the_streams_are_apart_and_bytes_stay_bytes"),
    _attack("hold the output open to hang the command", "contract/execution",
            "a_child_that_holds_the_pipe_does_not_hold_the_wait"),
    _attack("outlive the time limit: ignore SIGTERM, fork twice", "contract/endings",
            "a_time_out_kills_the_whole_tree"),
    _attack("outlive it by hiding: no environment, new session, no readable memory", "lifetime",
            "no_process_hides_from_the_end_of_its_command"),
    _attack("outlive it by speed: processes that replace each other, helpers that wake them", "lifetime",
            "helpers_do_not_outrun_a_kill"),
    _attack("leave a daemon behind at shutdown", "contract/endings", "stop_ends_every_process_at_once",
            "leaving_the_driver_leaves_no_process"),
    _attack("outlive kill -9 of the server", "contract/endings",
            "a_killed_server_leaves_no_process_and_keeps_the_disk"),
    _attack("leave a tree that can't be deleted: 1,100 deep, mode 000", "contract/disks", "a_hostile_tree_is_removed"),
    _attack("spoil a shell: nonsense on its descriptors, its pipes, its builtins", "shells",
            "nonsense_on_the_descriptor_of_reports_ends_nothing", "names_of_pipes_lead_nowhere_else",
            "a_shell_can_be_ended_whatever_it_does"),
)  # fmt: skip

_CONTAINERS = {
    "fill the disk: many writers, deleted files, mappings, empty files": (
        "the engine is asked every two seconds, and counts neither deleted files that are open nor empty ones"
    ),
}
LIMITS: Mapping[str, Mapping[str, str]] = {"sandbox": {}, "docker": _CONTAINERS, "podman": _CONTAINERS}
"""For each driver's case, the attacks that it can't block, by name, and why."""


def is_limit(case: str, path: Path, function: str) -> bool:
    """Whether a test carries out an attack that a driver is known not to block."""
    limits = LIMITS.get(case, {})
    attacks = (attack for attack in ATTACKS if attack.name in limits)
    return any((path, function) == (HERE / file, name) for attack in attacks for file, name in attack.tests)
