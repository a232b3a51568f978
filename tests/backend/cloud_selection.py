"""The contract tests that the cloud backend passes in the default suite; with --full-size it passes all of them."""

CLOUD = (
    "test_commands_start_in_the_working_directory",
    "test_a_long_command_is_polled_to_its_end",
    "test_large_output_is_kept_whole_and_read_by_range",
    "test_calls_side_by_side_with_one_key_execute_once",
    "test_a_canceled_call_leaves_no_command_behind",
    "test_wrong_moves_are_errors_of_the_tree",
    "test_variables_and_secrets_reach_commands_and_scorers",
    "test_a_key_scores_and_completes_one_run",
    "test_a_named_shell_keeps_its_state",
    "test_the_end_ends_a_wait",
    "test_input_and_interrupts_are_for_one_execution",
    "test_pages_and_filters",
    "test_an_object_is_uploaded_completed_and_read",
)
