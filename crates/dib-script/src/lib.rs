//! Elements that are directories, as diskimage-builder's users have them on `ELEMENTS_PATH`.
//!
//! This crate reads what such a directory declares, its hooks included, and makes the world that its scripts find when they
//! run. It must not know the command line, the environment, nor any particular element.
//!
//! In reading order:
//! - [`elements_path`]: all elements of some directories;
//! - [`element_directory`]: one of them; `package_installs`, `maps`, `readme` are its files, `hooks` its scripts;
//! - [`hook_names`]: which files are hooks by their names;
//! - [`hooks_directory`]: the files of all elements of a build in one directory;
//! - [`environment_files`]: what `environment.d` makes of the variables;
//! - [`world`]: what scripts find around them, phase by phase; `shell_library` is what they find in `$_LIB`;
//! - [`error`]: what can be wrong.

pub mod element_directory;
pub mod elements_path;
pub mod environment_files;
pub mod error;
pub mod hook_names;
pub mod hooks_directory;
pub mod world;

mod hooks;
mod maps;
mod package_installs;
mod readme;
mod shell_library;

pub use element_directory::load_element;
pub use elements_path::load_elements_path;
pub use error::{ElementError, ElementsPathError, EnvironmentError, Fault, FilesError};
pub use hook_names::{HookNames, HookNamesError, RUN_PARTS_REGEX};
pub use world::{Places, ScriptWorld};
