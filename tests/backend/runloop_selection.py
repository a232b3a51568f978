"""The contract tests that the engine over Runloop devboxes passes by default; all of them with --full-size."""

RUNLOOP = (
    "test_a_command_gets_its_variables_and_its_input",
    "test_the_time_limit_ends_the_command_and_what_it_started",
    "test_a_solved_run_goes_from_running_to_scored_to_completed",
    "test_variables_and_secrets_reach_commands_and_scorers",
    "test_input_and_interrupts_are_for_one_execution",
)
