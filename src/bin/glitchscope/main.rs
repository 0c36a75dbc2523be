//! The native command: the same core, in the terminal.
//!
//! With `--json` standard output holds one JSON value and nothing else. Progress goes to standard error. An error exits
//! non-zero with one clear message on standard error; a cancelled scan (Ctrl-C) prints what it found and exits with 130.

#[cfg(not(target_arch = "wasm32"))]
mod command;

fn main() {
    #[cfg(not(target_arch = "wasm32"))]
    std::process::exit(command::main());
}
