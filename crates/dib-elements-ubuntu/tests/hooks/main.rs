//! What this crate's hooks do, and which packages its elements want.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod cache_ubuntu_tarball;
mod kernels;
mod published_images;
mod ubuntu_common;
