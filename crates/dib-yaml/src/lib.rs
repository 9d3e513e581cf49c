//! YAML, and with it JSON, as a tree whose nodes know where in the file they stand.
//!
//! This crate reads a document's shape, so that whoever gives it a meaning can say in which line something is wrong. It
//! must not know what any document is for.
//!
//! In reading order:
//! - [`document`]: the tree, and how a text becomes one;
//! - [`error`]: what can be wrong, and where.

pub mod document;
pub mod error;

pub use document::{Node, Value, parse};
pub use error::{Fault, Misplaced, Place};
