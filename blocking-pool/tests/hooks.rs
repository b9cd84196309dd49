//! What hooks have captured: it goes with the last who knows the pool, and that may be anybody. Its panics reached them.
#![cfg(not(loom))]

use sideline_blocking_pool::{CancelToken, Pool, Shutdown};
use std::sync::mpsc;

/// Panics when it is dropped, and says so before.
struct Bomb(mpsc::Sender<()>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
        panic!("captured by a hook");
    }
}

/// All three hooks are such; and who is told.
fn pool_of_bombs() -> (Pool, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    let [starts, stops, reports] = [(); 3].map(|()| Bomb(tell.clone()));
    let builder = Pool::builder()
        .on_thread_start(move || _ = &starts)
        .on_thread_stop(move || _ = &stops)
        .on_report(move |_| _ = &reports);
    (builder.build().unwrap(), told)
}

#[test]
fn whoever_drops_a_pool_last_does_not_hear_of_its_hooks() {
    let (pool, told) = pool_of_bombs();
    drop(pool);
    assert_eq!(told.iter().count(), 3);
}

#[test]
fn nor_does_whoever_drops_a_handle_or_a_token() {
    let (pool, told) = pool_of_bombs();
    let (give, given) = mpsc::channel::<CancelToken>();
    let job = pool.job().cancellable().spawn(move |token| give.send(token.child()).unwrap());
    let token = given.recv().unwrap();
    pool.shutdown(Shutdown::Drain);
    drop(pool);
    assert!(told.try_recv().is_err());
    drop(job);
    // The hook for reports is the token's, too.
    assert_eq!(told.try_iter().count(), 2);
    drop(token);
    assert_eq!(told.iter().count(), 1);
}

#[test]
fn a_thread_that_is_the_last_ends_as_always() {
    let (pool, told) = pool_of_bombs();
    let (release, released) = mpsc::channel::<()>();
    pool.spawn(move || released.recv().is_err()).detach();
    drop(pool);
    assert!(told.try_recv().is_err());
    drop(release);
    assert_eq!(told.iter().count(), 3);
}

#[test]
fn a_hook_that_another_one_replaces_is_dropped_likewise() {
    let (tell, told) = mpsc::channel();
    let bomb = Bomb(tell);
    let builder = Pool::builder().on_report(move |_| _ = &bomb).on_report(|_| ());
    assert_eq!(told.iter().count(), 1);
    drop(builder.build().unwrap());
}
