//! Tokens: who cancels, who is told, when, and never afterwards.

mod families;
mod hooks;
mod jobs;
mod waiting;

use sideline_blocking_pool::Pool;

include!("../common/block_on.rs");
include!("../common/count.rs");
include!("../common/occupy.rs");

fn one_thread() -> Pool {
    Pool::builder().core_threads(1).max_threads(1).build().unwrap()
}
