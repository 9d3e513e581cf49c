//! Snapshots of what this crate's hooks do.

mod bootloader;
