//! Snapshots of what this crate's hooks do.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod bootloader;
