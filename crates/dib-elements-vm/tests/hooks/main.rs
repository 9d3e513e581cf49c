//! Snapshots of what this crate's hooks do.

mod boot;
mod bootloader;
mod cloud_init;
mod devuser;
mod scripts;
