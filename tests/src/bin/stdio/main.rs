//! The program that `tests/stdio` runs with one kind of standard stream after another.

mod input;
mod output;

use std::io::Write;

fn main() {
    let mode = std::env::args().nth(1).expect("a mode");
    if !output::run(&mode) {
        sideline::block_on(input::run(&mode));
        std::io::stdout().flush().unwrap();
    }
}
