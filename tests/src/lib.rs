//! Tests that drive the built programs, as their users do. All of them are in `tests/programs.rs`.
//!
//! `cargo xtask test` builds the programs first. The builds are those of the tiny operating system of
//! `tests/downstream`: the whole way from phases to images, in a second and without a network.
