"""Situations that tests of the package make: owners, outages, hangs, results that are read again.

    .venv/bin/python experiments/reliability/tested.py --json FILE

Some minutes. Every test that is named here is one situation, and each of its parameters another
one: right if the test passes, wrong if it fails, and not counted if it is skipped. What these tests
ask for is on the pages `inputs-owner.md` and `inputs-read.md`. Earlier versions lack what the tests
import, so nothing can be run against them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from _made import made

ROOT = Path(__file__).parents[2]
TAKEOVER, OUTAGES, WORKER, OWNER, INTERRUPTS = (
    f"tests/{name}.py" for name in (
        "search/test_takeover", "search/test_outages", "search/workers/test_worker",
        "search/studies/test_owner", "system/test_interrupts",
    )
)  # fmt: skip
#: Tests of each kind: file and names.
TESTS: dict[str, dict[str, list[str]]] = {
    "owners": {
        "tests/search/test_claims.py": [
            "test_no_trial_is_claimed_twice", "test_no_trial_of_keras_tuner_is_claimed_twice",
            "test_processes_claim_every_trial_once",
        ],
        TAKEOVER: [
            "test_a_worker_that_was_stopped_and_taken_over_stops_for_good",
            "test_a_second_command_on_the_files_of_keras_tuner_joins",
        ],
        OWNER: [
            "test_a_process_lives_until_it_has_ended",
            "test_a_step_of_the_clock_makes_no_process_another_one",
            "test_a_lost_trial_stops_at_the_next_step",
        ],
        WORKER: [
            "test_what_a_worker_lost_it_neither_tells_nor_touches",
            "test_promotion_sees_what_the_study_counts_and_nothing_else",
            "test_a_checkpoint_goes_to_the_attempt_with_the_same_seed",
            "test_the_end_of_a_process_costs_no_seed_but_counts",
        ],
    },
    "outages": {
        TAKEOVER: [
            "test_a_store_that_is_away_for_a_while_costs_nothing",
            "test_a_disk_that_is_full_is_waited_for_and_then_gone_on",
        ],
        OUTAGES: [
            "test_a_store_that_is_out_of_order_is_an_outage",
            "test_a_store_that_nobody_answers_for_is_an_outage",
            "test_a_cloud_that_refuses_artifacts_is_an_outage",
            "test_a_database_that_is_damaged_meanwhile_is_an_outage",
            "test_what_is_deleted_while_it_is_written_to_is_an_outage",
            "test_an_artifact_place_that_cannot_be_written_to_is_an_outage",
            "test_an_artifact_place_that_is_out_of_order_is_an_outage",
            "test_a_study_in_postgresql_with_a_pruner_survives_that_it_is_away",
        ],
        WORKER: [
            "test_a_full_disk_is_waited_for_and_costs_nothing",
            "test_what_is_away_for_long_ends_the_worker_and_fails_no_trial",
            "test_what_failed_before_this_start_does_not_count",
        ],
        "tests/search/studies/test_journal.py": ["test_a_study_goes_on_behind_half_a_line"],
    },
    "hangs": {
        TAKEOVER: [
            "test_a_worker_that_is_stopped_on_this_machine_is_given_up_for_its_silence",
            "test_a_training_that_hangs_in_a_process_of_its_own_is_given_up",
            "test_a_worker_that_hangs_in_native_code_says_so_and_ends",
        ],
        OWNER: [
            "test_a_watch_counts_silence_by_its_own_looks",
            "test_an_observer_gives_up_who_is_gone_or_says_nothing",
            "test_a_hang_is_seen_and_ends_where_the_main_thread_comes_back",
            "test_who_hangs_for_good_is_abandoned", "test_what_is_slow_or_no_step_is_no_hang",
        ],
        INTERRUPTS: [
            "test_a_process_that_hangs_in_native_code_ends_soon",
            "test_what_is_held_back_for_long_is_raised_all_the_same",
        ],
    },
    "read again": {
        "tests/evaluation/test_comparison.py": [
            "test_an_evaluation_is_not_compared_with_itself",
            "test_the_copy_of_an_evaluation_has_no_row_of_its_own",
            "test_seeds_are_compared_on_the_squares_that_all_of_them_have",
            "test_where_no_square_is_scored_by_both_no_seeds_are_compared",
            "test_scores_of_another_run_are_not_taken_for_those_of_a_seed",
            "test_counts_below_zero_are_no_scores",
        ],
        "tests/quantification/test_probabilities.py": [
            "test_those_of_the_labels_tell_a_porosity",
            "test_by_those_of_other_labels_nothing_is_told",
            "test_where_they_were_removed_all_else_is_measured",
            "test_in_another_form_they_are_refused_in_one_line",
        ],
        "tests/quantification/test_segmented.py": [
            "test_labels_that_another_program_turned_are_refused",
            "test_the_summary_of_another_film_or_model_is_not_that_of_these_labels",
        ],
        "tests/reporting/test_browser.py": [
            "test_probabilities_from_0_to_1_are_not_shown_as_black",
            "test_a_film_whose_labels_cannot_be_read_is_named_and_the_others_are_shown",
        ],
        "tests/reporting/test_films.py": ["test_a_profile_that_a_spreadsheet_saved_is_one_line"],
        "tests/reporting/test_lineage.py": [
            "test_a_segmentation_without_the_names_of_its_models_is_told",
        ],
        "tests/reporting/test_results.py": [
            "test_a_backup_of_a_result_is_not_counted_beside_it",
            "test_a_damaged_summary_is_not_called_unfinished",
        ],
        "tests/tracking/test_repointing.py": ["test_the_folder_of_now_is_not_the_former_one"],
        "tests/api/test_exporting.py": ["test_the_export_of_another_model_is_not_replaced"],
    },
}  # fmt: skip


def outcomes(kind: str) -> Counter[str]:
    """Run the tests of a kind; return how many situations were right or wrong."""
    names = [f"{file}::{name}" for file, tests in TESTS[kind].items() for name in tests]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        how = ["-q", "-p", "no:cacheprovider", "-m", "slow or not slow", f"--junitxml={report}"]
        subprocess.run([sys.executable, "-m", "pytest", *how, *names], cwd=ROOT, check=False)
        cases = list(ElementTree.parse(report).iter("testcase"))
    counts = Counter({"right": 0, "refused": 0, "wrong": 0})
    for case in cases:
        if case.find("skipped") is None:
            failed = case.find("failure") is not None or case.find("error") is not None
            counts["wrong" if failed else "right"] += 1
    return counts


def main() -> None:
    """Run the tests of every kind, or of one, and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--kind", choices=list(TESTS), help="one kind alone, its row anew")
    args = parser.parse_args()
    known = json.loads(args.json.read_text()) if args.json and args.json.is_file() else {}
    for kind in [args.kind] if args.kind else TESTS:
        counts = outcomes(kind)
        known[kind] = {"inputs": counts.total(), **counts, **made()}
        print(kind, dict(counts), flush=True)
        if args.json:
            args.json.write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    main()
