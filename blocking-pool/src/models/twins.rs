//! Each protocol once more with one step left out: its model must fail, or it would prove nothing.
//!
//! A twin may abort the process, so each runs in one of its own, with the step's name in `SIDELINE_TWIN`.

include!("../../../tests/support/twins.rs");

/// The step left out, and the model that must notice.
const TWINS: &[(&str, &str)] = &[
    ("register-sees-done", "models::job::job_complete_against_register"),
    ("asker-comes-back", "models::job::job_complete_against_ask"),
    ("asked-is-no-waker", "models::job::job_complete_against_drop_of_an_asker"),
    ("aborters-own", "models::job::job_abort_by_another_against_run_and_handle_drop"),
    ("put-off-owns", "models::job::job_abort_put_off_against_run_and_handle_drop"),
    ("last-owner-sees-all", "models::job::job_complete_against_second_register"),
    ("idle-last-look", "models::idle::submit_against_going_idle"),
    ("idle-fence", "models::idle::submit_against_going_idle"),
    ("summon-looks-at-queues", "models::idle::jobs_in_sequence_use_one_thread"),
    ("summon-counts-jobs", "models::idle::a_searcher_that_does_not_come_holds_up_one_job"),
    ("called-one-calls", "models::idle::a_searcher_that_does_not_come_holds_up_one_job"),
    ("searcher-hands-over", "models::idle::last_searcher_hands_over"),
    ("read-before-counted", "models::queue::take_against_take_of_one_block"),
    ("spare-begins-anew", "models::queue::a_block_comes_back_while_others_are_read"),
    ("block-before-place", "models::queue::push_against_push_at_the_end_of_a_block"),
    ("slot-shows-the-entry", "models::queue::take_by_what_another_has_seen"),
    ("next-shows-the-block", "models::queue::turn_by_what_another_has_seen"),
    ("slot-before-claim", "models::queue::steal_against_a_push_that_comes_round"),
    ("failed-start-drains", "models::idle::failed_start_against_submit"),
    ("failed-start-fence", "models::idle::start_that_fails_against_who_relies_on_it"),
    ("drained-counts-entries", "models::shutdown::submit_against_shutdown"),
    ("last-leaver-calls", "models::shutdown::workers_leave_a_closed_pool"),
    ("retire-by-the-list", "models::idle::keep_alive_against_call"),
    ("monitor-fence", "models::monitor::submit_against_a_monitor_that_falls_asleep"),
    ("monitor-looks-again", "models::monitor::submit_against_a_monitor_that_falls_asleep"),
    ("leaving-monitor-fence", "models::monitor::find_against_a_monitor_that_leaves"),
    ("guard-waits", "models::cancel::cancel_against_guard_drop"),
    ("waiting-looks-under-the-lock", "models::cancel::cancel_against_waiting"),
    ("end-waits", "models::cancel::cancel_against_end_of_job"),
    ("limiter-one-look", "models::limiter::release_against_enqueue"),
    ("limiter-line-first", "models::limiter::late_comer_against_release"),
    ("limiter-refuses-the-cancelled", "models::limiter::cancel_against_asking_for_a_slot"),
    ("abandon-takes-out-of-line", "models::limiter::limited_submit_against_abandon"),
    ("drain-is-told", "models::limiter::drain_without_a_thread_against_abort"),
    ("line-looks-again", "models::room::room_against_standing_in_line"),
    ("room-is-handed-on", "models::room::giving_up_against_room"),
    ("slow-one-look", "models::slow::permit_given_back_against_standing_in_line"),
    ("slow-permit-is-handed-on", "models::slow::permit_given_back_against_leaving"),
    ("slow-close-calls", "models::slow::standing_in_line_against_shutdown"),
    ("counted-show-what-they-did", "models::seen::who_waits_for_a_tenant_sees_what_its_job_did"),
    ("left-have-come", "models::seen::outstanding_against_jobs_that_come_and_leave"),
    ("done-shows-what-it-did", "models::seen::who_sees_a_job_finished_sees_what_it_did"),
    ("cancelled-shows-what-came-before", "models::seen::who_sees_a_cancellation_sees_what_came_before"),
    ("abandon-fence", "models::tenant::submit_against_abandon_behind_a_job_that_does_not_end"),
    ("abandon-sweeps-again", "models::tenant::abandon_against_a_batch"),
    ("leaver-rings", "models::tenant::tenant_wait_against_leave"),
    ("outside-waits-for-jobs", "models::tenant::outside_wait_against_wait_inside"),
    ("outside-waits-for-threads", "models::shutdown::outside_shutdown_against_shutdown_in_a_job"),
];

#[test]
fn twins_are_caught() {
    let missed: Vec<_> = TWINS.iter().filter(|(step, model)| !fails(step, model)).collect();
    assert!(missed.is_empty(), "models that do not notice a missing step: {missed:?}");
}
