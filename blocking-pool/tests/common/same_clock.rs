/// Has a pool measure how long a tick of its clock is: in a process that is some milliseconds old, over so long that it is right to far less
/// than 2 %. Before, that was measured over 20 us, of which a slow reading of either clock is a part that counts.
fn same_clock(pool: &sideline_blocking_pool::Pool) {
    pool.metrics();
}
