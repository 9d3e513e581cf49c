//! Hooks under unit test: runs a hook against a small fixture tree and tells, as text for a snapshot, what it did.
//!
//! Files of the target are really read and changed, in a temporary directory; mounts and commands are only recorded,
//! so that tests need no rights. This crate must not know any element.
//!
//! ```
//! use dib_core::{Element, HookContext, HookError, Phase};
//! use dib_testing::Fixture;
//!
//! fn greet(ctx: &HookContext<'_>) -> Result<(), HookError> {
//!     ctx.write("/etc/motd", "hello\n", 0o644)
//! }
//!
//! let fixture = Fixture::new(|registry| {
//!     registry.add(Element::new("greeter").hook(Phase::Install, "50-greet", greet))
//! })
//! .directory("/etc");
//! let recording = fixture.record(Phase::Install, "50-greet");
//! assert_eq!(
//!     recording.to_string(),
//!     "journal\n  write /etc/motd 0644 (6 bytes)\ntarget\n  + /etc/motd 0644\n    | hello\n"
//! );
//! ```
//!
//! In reading order:
//! - [`fixture`]: the tree, the variables and the mounts that a hook meets.
//! - [`recording`]: what it did.
//! - [`server`], [`signing`]: files to download and signatures to check, on loopback.

mod machine;
mod tree;

pub mod fixture;
pub mod recording;
pub mod server;
pub mod signing;

pub use fixture::Fixture;
pub use recording::Recording;
pub use server::Server;
pub use signing::SigningKey;
