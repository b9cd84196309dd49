//! What has broken in other runtimes' loops, and what would notice it here. The pool's part is in
//! `blocking-pool/tests/history.rs`.
//!
//! | where | what happened | tests and models |
//! |---|---|---|
//! | tokio#8212, #7835 | work kept the loop from its timers, or it parked with work | `a_task_that_wakes_itself_for_ever_starves_nobody`, `no_flood_starves_another`; model `wake_during_poll_requeues_once` |
//! | tokio#6999, #7216 | yielding under another's executor | `yield_now_works_under_a_foreign_executor` |
//! | tokio#6134, #8331 | a clear that came late erased an event | `a_stale_disproof_never_erases_an_edge_however_many_events_came_between`; model `event_against_operation_loses_no_edge` |
//! | cpython#156054, mio#1826 | the write that wakes failed | `a_wake_whose_write_fails_is_tried_again`, `after_a_hopeless_write_the_next_notify_tries_anew` |
//! | smol#167 | only the first waker was kept | `only_the_last_task_that_polled_is_woken`, `a_moved_handle_wakes_the_waker_it_was_polled_with_last`, `a_waker_that_panics_keeps_nobody_else_from_the_result` |
//! | a lost last event | who notified took the descriptor along | `a_notifier_that_exits_at_once_takes_no_event_with_it` |
//! | async-executor#163 | a wake met the end of its executor | `a_waker_outlives_its_runtime`; model `wake_against_loop_drop_frees_once` |
//! | libuv#2231 | a wake met the end of its loop | model `notify_against_close_is_harmless` |
//! | tokio#3019, RUSTSEC-2024-0019, gj#3, libre#266 | events reached the next owner of a token or descriptor | `a_descriptor_reused_within_a_batch_gets_none_of_its_predecessor_s_events`, `a_duplicated_descriptor_reports_to_nobody_once_the_source_is_gone` |
//! | futures-rs#2886 | a future's drop panicked | `in_destructors_of_futures_and_outputs_it_is_contained`, `a_future_whose_end_is_one_mischief_after_the_other_leaves_the_loop_whole` |
//! | tokio#2096 | a handle went while its task ended | `an_unread_output_is_dropped_once_wherever_the_handle_goes`; model `complete_against_register_wakes_or_is_seen` |
//! | tokio#3929 (RUSTSEC-2021-0072), compio#494, #514 | a future was dropped on another thread | `abort_drops_the_future_on_the_loop_even_from_another_thread`; model `abort_against_poll_drops_on_the_loop` |
//! | RUSTSEC-2020-0062, -0070 | auto traits | `handles_errors_and_timers_may_go_to_other_threads`, and what does not compile below |
//! | tokio#4430, #3967, rust#86027 | outputs and payloads that panic on drop | `in_destructors_of_futures_and_outputs_it_is_contained`, `in_the_destructor_of_a_payload_it_does_not_reach_who_drops_the_error` |
//! | tokio#3689, #4069 | a waker panicked | `a_waker_that_panics_when_it_is_woken_stops_neither_the_loop_nor_a_worker`, `a_waker_that_panics_when_it_is_dropped_does_not_reach_who_drops_the_future` |
//! | tokio#3157, #3662, #3964 | an abort panicked, or was lost | `abort_in_every_state` |
//! | asyncio#258, anyio#1265 | a result met a loop that was closed | model `an_offload_outlives_its_runtime` |
//! | tokio#2082, #3870, #1972, #1892 | destructors at the end of the loop | `destructors_may_wake_spawn_and_abort_while_the_runtime_is_dropped` |
//! | tokio#2924, #7499 | what came late never woke | `closing_wakes_every_waiter_with_an_error_and_refuses_newcomers`; models `register_against_close_always_resolves`, `spawn_against_loop_drop_resolves` |
//! | cpython#111358 | the end waited without end | `a_drop_deadline_reports_what_is_left_and_where_it_was_spawned`, `on_a_worker_it_is_made_used_and_dropped` |
//! | tokio#5429, compio#937 | a waker called back | `a_waker_may_call_back_in_when_woken_and_when_dropped`, `a_waker_may_drop_what_it_is_woken_for_and_use_the_runtime` |
//! | futures-rs#2386 | `block_on` inside `block_on` | `block_on_inside_block_on_names_both_places` |
//! | tokio#4973, #6148 | thread-locals while a thread ends | `in_a_thread_local_it_ends_with_its_thread`, `wakers_in_a_thread_local_may_outlive_their_loop`, `handles_and_futures_in_thread_locals_end_after_their_loop` |
//! | tokio#3103, #7773, #6329 | an error left a descriptor or a slot behind | `a_source_that_the_kernel_refuses_keeps_no_slot`, `a_socket_that_cannot_be_registered_is_closed_again` |
//! | tokio#3809, #8202 | descriptors in children; a fork | `a_child_process_inherits_no_descriptor_of_the_runtime`, `a_fork_is_refused_the_parents_runtime_and_can_have_its_own` |
//! | tokio#5710, #6634, mio#1657, tokio#8334 | far deadlines | `far_deadlines_neither_panic_nor_fire_early`, `far_and_past_deadlines` |
//! | mio#1615, smol#109, async-io#73 | turning near a deadline | `a_short_sleep_takes_one_or_two_turns`, `a_short_sleep_takes_at_most_two_polls` |
//! | brpc#3383 | cancelled timers kept memory | `dropping_cancels_and_a_million_cancelled_timers_leave_nothing` |
//! | tokio#5712, #4782, smol#171 | one starved others | `a_task_whose_socket_is_always_ready_starves_nobody`, `an_interval_that_is_always_behind_starves_nobody` |
//! | polling#162, mio#494 | a signal ended or extended a wait | `interrupted_waits_escape_nowhere`, `signals_without_end_neither_fail_a_turn_nor_put_a_timer_off` |
//! | tokio#3529 | accepting without descriptors spun | `accepting_without_descriptors_names_the_limit_does_not_spin_and_recovers` |
//! | compio#489, tokio#3477 | what was made was never freed | `a_thousand_runtimes_leave_neither_threads_nor_memory_behind` |

use sideline::task::JoinSet;
use sideline::{AbortOnDrop, JoinHandle, LocalHandle, Runtime, ToThread};
use std::rc::Rc;

/// Does not compile if a type is what it must not be: there would be two ways to understand `_`.
macro_rules! must_not_be {
    ($($kind:ident: $($type:ty),*;)*) => { $($(
        const _: fn() = || {
            trait Asked<Answer> {
                fn is() {}
            }
            struct Yes;
            impl<T: ?Sized> Asked<()> for T {}
            impl<T: ?Sized + $kind> Asked<Yes> for T {}
            let _ = <$type as Asked<_>>::is;
        };
    )*)* };
}

must_not_be! {
    Send: Runtime, LocalHandle, JoinHandle<Rc<()>>, AbortOnDrop<Rc<()>>, ToThread<Rc<()>>, JoinSet<Rc<()>>;
    Sync: Runtime, LocalHandle, JoinHandle<Rc<()>>, AbortOnDrop<Rc<()>>, ToThread<Rc<()>>, JoinSet<Rc<()>>;
}
