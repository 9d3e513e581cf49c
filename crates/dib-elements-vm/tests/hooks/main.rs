//! Snapshots of what this crate's hooks do.

mod boot;
mod bootloader;
mod cloud_init;
mod cloud_init_growing;
mod devuser;
mod scripts;
