/// A waker that counts its wakes.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl Count {
    fn new() -> (std::sync::Arc<Count>, std::task::Waker) {
        let count = std::sync::Arc::new(Count::default());
        (std::sync::Arc::clone(&count), count.into())
    }

    fn get(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl std::task::Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}
