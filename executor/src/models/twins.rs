//! Each protocol once more with one step left out: its model must fail, or it would prove nothing.
//!
//! A twin may abort the process, so each runs in one of its own, with the step's name in `SIDELINE_TWIN`.

include!("../../../tests/support/twins.rs");

/// The step left out, and the model that must notice.
const TWINS: &[(&str, &str)] = &[
    ("task-clear-before-poll", "wakes::wake_during_poll_requeues_once"),
    ("first-push-notifies", "wakes::wake_between_turns_is_seen"),
    ("main-wake-notifies", "wakes::wake_of_the_main_future_is_seen"),
    ("main-wake-carries-along", "wakes::what_was_written_before_a_wake_is_seen_by_the_main_future"),
    ("foreign-wake-carries-along", "wakes::what_was_written_before_a_wake_is_seen_by_who_blocks_elsewhere"),
    ("task-wake-carries-along", "wakes::what_was_written_before_a_wake_is_seen_by_the_task"),
    ("first-push-notifies", "wakes::wake_during_poll_requeues_once"),
    ("task-abort-carries-along", "handles::what_was_written_before_an_abort_is_seen_by_the_drop"),
    ("task-run-sees-an-abort", "handles::what_was_written_before_an_abort_is_seen_by_the_drop"),
    ("task-publish-sees-complete", "handles::complete_against_register_wakes_or_is_seen"),
    ("task-retract-sees-the-output", "handles::complete_against_second_register_wakes_or_is_seen"),
    (
        "handle-goes-carries-along",
        "handles::what_was_written_before_a_handle_goes_is_seen_by_the_drop_of_its_output",
    ),
    ("last-reference-sees-all", "references::last_waker_against_completion_frees_what_is_gone"),
    ("refused-push-takes-the-queues-part", "references::wake_against_loop_drop_frees_once"),
    ("completion-gives-the-entry-a-reference", "references::wake_against_loop_drop_frees_once"),
    ("completion-gives-the-entry-a-reference", "references::completed_in_both_queues_frees_once"),
    ("entry-gives-its-reference-back", "references::completed_in_both_queues_frees_once"),
    ("line-is-left-as-a-job", "line::what_leaves_the_line_is_a_job_by_then"),
    ("jobs-are-counted-first", "paused::end_of_a_job_against_a_move_of_the_clock"),
    ("listener-looks-again", "signal::signal_against_listener"),
    ("signal-carries-along", "signal::what_was_written_before_a_signal_is_seen_by_its_listener"),
    ("watchdog-looks-again", "watchdog::watchdog_sleep_against_rise"),
    ("rise-wakes-watchdog", "watchdog::watchdog_sleep_against_rise"),
    ("rise-fence", "watchdog::watchdog_sleep_against_rise"),
    ("doze-fence", "watchdog::watchdog_sleep_against_rise"),
    ("watchdog-looks-at-current-again", "watchdog::watchdog_reads_against_completion"),
    ("loop-waits-for-the-watchdog", "watchdog::watchdog_reads_against_completion"),
    ("watchdog-sees-the-task-whole", "watchdog::watchdog_reads_against_completion"),
    ("watchdog-has-read-before", "watchdog::watchdog_reads_against_completion"),
];

#[test]
fn twins_are_caught() {
    for (step, model) in TWINS {
        assert!(fails(step, &format!("models::{model}")), "without {step}, {model} must fail");
    }
}
