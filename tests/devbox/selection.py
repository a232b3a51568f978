"""The tests of devboxes that containers pass in the default suite; they pass all of them with --full-size."""

DOCKER = (
    "test_the_streams_are_apart_and_bytes_stay_bytes",
    "test_all_output_before_the_end_is_handed_over",
    "test_large_files_go_in_and_come_out",
    "test_files_are_found_by_their_names",
    "test_interrupts_reach_python",
    "test_state_outlives_the_command",
    "test_input_is_the_commands_own",
    "test_deleted_and_replaced_files_stay_so",
    "test_nothing_begins_while_frozen",
    "test_what_is_laid_down_read_only",
    "test_a_stopped_devbox_is_resumed_as_it_was",
    "test_a_killed_server_leaves_no_process_and_keeps_the_disk",
    "test_stop_ends_every_process_at_once",
    "test_cancelling_a_start_leaves_the_devbox_usable",
    "test_processes_that_are_refused_are_told_of",
    "test_a_devbox_reaches_its_own_loopback_only",
    "test_the_probe_says_what_is_there",
    "test_files_are_in_use_while_something_is_built_on_them",
    "test_no_system_call_opens_a_way_out",
    "test_the_supervisors_memory_cannot_be_seized",
)

PODMAN = ("test_a_stopped_devbox_is_resumed_as_it_was",)
