//! The native command: the same core, in the terminal.

fn main() {}
