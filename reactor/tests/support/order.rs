/// Says its number when it is woken.
struct Order(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Order {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}
