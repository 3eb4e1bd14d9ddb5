"""Every function that suggests a command has a test that follows the suggestion."""

import ast

from fixtures.workflow import REPOSITORY

# The functions that suggest a command, and the test that follows it.
OLDER = "test_an_older_folder_is_refused_by_every_call_until_it_is_set_aside"
HERE = "end_to_end/test_advice_followed.py::"
DATASETS = "end_to_end/test_datasets_advice.py"
FOLLOWED = {
    "base/results.py:gaps": HERE + "test_a_lost_record_is_accepted",
    "base/results.py:insist_on_format": f"end_to_end/test_results.py::{OLDER}",
    "base/results.py:read_format": HERE + "test_a_damaged_format_file_is_written_again",
    "commands/accept.py:_insist_on_checked": HERE + "test_accept_of_a_part_names_accept_of_all",
    "commands/champions.py:run": HERE + "test_where_nothing_is_there_every_command_names_run",
    "commands/datasets.py:_describe": f"{DATASETS}::test_a_dataset_without_months_names_the_run_that_fetches_some",
    "commands/datasets.py:run": f"{DATASETS}::test_the_list_names_the_command_that_describes_one",
    "commands/errors.py:run": HERE + "test_where_nothing_is_there_every_command_names_run",
    "commands/prune.py:_prune": HERE + "test_what_prune_shows_is_what_it_deletes",
    "commands/score.py:_decided_month": HERE + "test_where_nothing_is_there_every_command_names_run",
    "commands/status.py:_print_table": HERE + "test_a_table_that_is_cut_is_shown_whole",
    "commands/status.py:run": HERE + "test_where_nothing_is_there_every_command_names_run",
    "commands/upgrade.py:set_aside": "end_to_end/test_your_own_data.py::"
    "test_results_of_the_format_before_are_set_aside_and_nothing_is_downloaded_again",
    "commands/verify.py:run": HERE + "test_where_nothing_is_there_every_command_names_run",
    "data/features.py:admit": HERE + "test_a_rejected_month_names_plan_which_names_the_ways_on",
    "publisher/source.py:how_to_locate": HERE + "test_a_file_that_changed_before_it_was_fetched_is_located_again",
    "runner/call.py:_report": HERE + "test_a_page_that_cannot_be_drawn_names_the_reason",
    "runner/planning.py:refusal": HERE + "test_more_than_max_rebuild_is_accepted",
    "state/restated.py:notices": HERE + "test_a_restated_month_is_located_and_rebuilt",
    "state/stage_states.py:_mark_changed": HERE + "test_a_changed_file_is_verified",
    "state/stage_states.py:_mark_torn": HERE + "test_a_file_that_is_cut_off_is_built_again",
    "state/summary.py:_need": HERE + "test_a_rejected_month_names_plan_which_names_the_ways_on",
    "tracking/installation.py:as_owner": HERE + "test_names_of_another_installation_are_taken_over",
    "tracking/registry.py:find_runs": HERE + "test_a_lost_model_is_tracked_again",
    "tracking/store_errors.py:exit_of": HERE + "test_a_lost_model_is_tracked_again",
    "verify/running.py:rebuild_it": HERE + "test_what_verify_misses_is_built_again",
    "verify/registry_check.py:_again": HERE + "test_an_edited_file_of_the_registry_is_written_again",
    "verify/registry_check.py:_repair": HERE + "test_what_is_edited_in_mlflow_is_put_right",
    "workflow/targets.py:gaps": HERE + "test_what_verify_misses_is_built_again",
}


def suggesting() -> set[str]:
    """Return the functions of the package and the programs that suggest a command."""
    functions = set()
    for path in (REPOSITORY / "scripts").rglob("*.py"):
        name = str(path.relative_to(REPOSITORY / "scripts")).removeprefix("monthwise/")
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and any(map(_suggests, ast.walk(function))):
                functions.add(f"{name}:{function.name}")
    return functions


def _suggests(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
        return False
    return called.value.id == "suggest" and called.attr in ("command", "snakemake")


def test_every_suggestion_has_a_test_that_follows_it():
    assert suggesting() == FOLLOWED.keys()
    for test in FOLLOWED.values():
        name, _, function = test.partition("::")
        assert f"\ndef {function}(" in (REPOSITORY / "tests" / name).read_text(), test
