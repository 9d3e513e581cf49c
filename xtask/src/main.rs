//! Every developer, CI and VM command.
fn main() {}
