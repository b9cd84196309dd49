//! Each protocol once more with one step left out: its model must fail, or it would prove nothing.
//!
//! A twin may abort the process, so each runs in one of its own, with the step's name in `SIDELINE_TWIN`.

include!("../../../tests/support/twins.rs");

/// The step left out, and the model that must notice.
const TWINS: [(&str, &str); 27] = [
    ("waiter-looks-again", "sources::events_against_operations_of_a_known_waker_lose_no_edge"),
    ("notifier-fence", "notifier::stand_by_against_notify_loses_no_wake"),
    ("stand-by-looks-again", "notifier::stand_by_against_notify_loses_no_wake"),
    ("notifier-fence", "notifier::park_against_notify_loses_no_wake"),
    ("loop-looks-after-announcing", "notifier::park_against_notify_loses_no_wake"),
    ("notifier-fence", "notifier::sleep_on_the_word_against_notify_loses_no_wake"),
    ("loop-looks-after-announcing", "notifier::sleep_on_the_word_against_notify_loses_no_wake"),
    ("loop-looks-for-sources", "notifier::sleep_on_the_word_against_register_ends_with_the_event"),
    ("notifier-follows", "notifier::change_of_place_against_notify_loses_no_wake"),
    ("parked-shows-the-wakeup", "notifier::opening_against_notify_loses_no_wake"),
    ("parked-shows-the-wakeup", "notifier::first_source_against_notify_loses_no_wake"),
    ("announcement-shows-the-wakeup", "notifier::first_source_against_notify_loses_no_wake"),
    ("first-one-stays", "notifier::first_sources_of_two_threads_are_in_one_queue"),
    ("first-one-stays", "set_once::set_against_set_and_get_comes_to_one_value"),
    ("register-notifies", "notifier::sleep_on_the_word_against_register_ends_with_the_event"),
    ("closed-shows-what-came-before", "notifier::who_sees_a_reactor_closed_sees_what_came_before"),
    ("timer-notifies", "timers::timer_against_park_is_not_slept_past"),
    ("timers-see-closed", "timers::timer_against_close_always_completes"),
    ("timers-see-closed", "local_timers::timer_polled_elsewhere_against_close_always_completes"),
    ("local-queue-is-its-thread-s", "local_timers::timer_dropped_elsewhere_is_gone_in_the_next_turn"),
    ("leaving-is-listed", "local_timers::timer_dropped_elsewhere_is_gone_in_the_next_turn"),
    ("loop-looks-at-the-list", "local_timers::timer_reset_elsewhere_against_park_wakes_who_waits"),
    ("reset-elsewhere-notifies", "local_timers::timer_reset_elsewhere_against_park_wakes_who_waits"),
    ("register-sees-closed", "sources::register_against_close_always_resolves"),
    ("waiter-looks-again", "sources::event_against_operation_loses_no_edge"),
    ("event-takes-the-mark-back", "sources::polls_that_find_themselves_listed_lose_no_edge"),
    ("disproof-is-of-what-was-seen", "sources::event_against_operation_loses_no_edge"),
];

#[test]
fn twins_are_caught() {
    for (step, model) in TWINS {
        assert!(fails(step, &format!("models::{model}")), "{model} does not notice that {step} is missing");
    }
}
