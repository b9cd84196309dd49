//! The pool against the simplest pool there could be: one mutex, one condition variable. The same seeded script runs on
//! both, and everything that can be observed must be the same: what each handle resolves to, what each abort says, which
//! closures ran, how many reports there were, and how a shutdown classed the jobs.
//!
//! A script is made of moves whose outcome does not depend on timing: before an abort, say, either every thread is held by
//! a job, so that the others certainly wait, or all jobs that can run have run. What happens in between (who takes
//! which job, who is asleep, who steals) is free, and differs from run to run. A lost job hangs the test; a failure
//! names the seed.

mod plain;
mod real;
mod script;
mod subject;

use plain::Plain;
use real::Real;
use script::Run;

include!("../common/block_on.rs");
include!("../../../tests/support/seeds.rs");

#[test]
fn the_same_script_has_the_same_outcome_on_the_simplest_pool() {
    for_seeds(60, |seed| {
        for threads in 1..=3 {
            let seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed + 1);
            let moves = 20 + seed % 200;
            let expected = Run::<Plain>::new(seed, threads).play(moves);
            let seen = Run::<Real>::new(seed, threads).play(moves);
            for (step, (seen, expected)) in seen.iter().zip(&expected).enumerate() {
                assert_eq!(seen, expected, "seed {seed:#x}, {threads} threads, observation {step}");
            }
            assert_eq!(seen.len(), expected.len(), "seed {seed:#x}, {threads} threads");
        }
    });
}
