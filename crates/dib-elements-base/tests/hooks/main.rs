//! Snapshots of what this crate's hooks do, and its scripts at work.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod base;
mod dib_init_system;
mod dib_run_parts;
mod extract_image;
mod from_directories;
mod kernel_files;
mod manifests;
mod maps;
mod modprobe;
mod packages;
mod programs;
mod small_elements;
mod source_repositories;
mod ssh;
mod sysprep;
