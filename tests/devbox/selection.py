"""The tests of devboxes that drivers beside the sandbox pass in the default suite; all of them with --full-size."""

DOCKER = (
    "test_the_streams_are_apart_and_bytes_stay_bytes",
    "test_nothing_begins_while_frozen",
    "test_a_stopped_devbox_is_resumed_as_it_was",
    "test_a_killed_server_leaves_no_process_and_keeps_the_disk",
    "test_the_probe_says_what_is_there",
    "test_no_system_call_opens_a_way_out",
)

PODMAN: tuple[str, ...] = ()
"""It is driven as Docker is; its engine alone takes longer to start than all of that."""

RUNLOOP = (
    "test_the_streams_are_apart_and_bytes_stay_bytes",
    "test_large_files_go_in_and_come_out",
    "test_a_stopped_devbox_is_resumed_as_it_was",
    "test_a_killed_server_leaves_no_process_and_keeps_the_disk",
    "test_stop_ends_every_process_at_once",
    "test_the_probe_says_what_is_there",
)

_ROOT = "Outside home a directory takes root's rights: sudo gives them at Runloop, and nothing in this far end."
_STEPS = "Sizes come in steps, and the least is above this test's limit."
_NETWORK = "What a devbox reaches is for Runloop's network policies to say."

NOT_OF_RUNLOOP = {
    "test_files_lie_in_any_working_directory": _ROOT,
    "test_what_is_laid_down_read_only": _ROOT,
    "test_a_working_directory_is_kept_wherever_it_lies": _ROOT,
    "test_any_other_working_directory_is_possible[/workspace]": _ROOT,
    "test_any_other_working_directory_is_possible[/opt/work]": _ROOT,
    "test_any_other_working_directory_is_possible[/home/other/work]": _ROOT,
    "test_memory_is_bounded": _STEPS,
    "test_the_disk_is_bounded": _STEPS,
    "test_a_devbox_reaches_its_own_loopback_only": _NETWORK,
    "test_the_hosts_network_can_be_asked_for": _NETWORK,
    "test_sizes_are_told_whatever_a_solver_has_closed": "The API does not tell what a devbox's disk holds.",
}
"""What Runloop devboxes don't promise, and why."""
