"""A valid document of a scenario, and how tests write it."""

from collections.abc import Callable
from pathlib import Path

DOCUMENT = """\
format: 1
name: fix-the-parser
environment:
  working_directory: /home/user/work
  launch_parameters: {launch_commands: [true, git init -q], keep_alive_time_seconds: 600}
scoring_contract:
  scoring_function_parameters:
    - name: hidden-tests
      weight: 0.7
      scorer:
        type: test_based_scorer
        test_command: python3 -I -m pytest -q .hidden
        test_files:
          - {file_path: .hidden/test_x.py, file_contents_file: scoring/test_x.py}
    - name: tidy
      weight: 0.3
      scorer: {type: bash_script_scorer, bash_script_file: scoring/tidy.sh}
validation_type: FORWARD
metadata: {summary: The parser loses lines, tags: "python,bug", minutes: 20, scoring: clean, disclosure: named}
requires: [gcc, make]
required_secret_names: [TOKEN]
scorer_timeout_sec: 120
"""

WriteFolder = Callable[..., Path]
