//! Elements that are directories, as diskimage-builder's users have them on `ELEMENTS_PATH`.
//!
//! This crate reads what such a directory declares: its dependencies, packages and maps. It must not know the
//! command line, the environment, nor any particular element. Hooks in such directories are not run yet: an element
//! that has some is [unusable](dib_core::Element::unusable), and says so where a plan wants it.
//!
//! In reading order:
//! - [`elements_path`]: all elements of some directories;
//! - [`element_directory`]: one of them;
//! - `package_installs`, `maps`, `readme`: its files;
//! - [`error`]: what can be wrong.

pub mod element_directory;
pub mod elements_path;
pub mod error;

mod maps;
mod package_installs;
mod readme;

pub use element_directory::load_element;
pub use elements_path::load_elements_path;
pub use error::{ElementError, ElementsPathError, Fault};
