//! A store of layers: what hooks changed in the tree, kept so that they need not run again.
//!
//! A *layer* is the upper directory of an overlay mount: files, directories, links, device nodes, and the whiteouts
//! and opaque directories by which an overlay says what is gone. The store keeps each as one file, its *pack*, which
//! is complete or absent, and which is verified byte for byte before what came of it is used.
//!
//! This crate must not know what a hook does, nor how overlays are mounted.
//!
//! In reading order:
//! - [`key`]: what a layer is found by.
//! - [`pack_name`]: what a pack holds.
//! - [`description`]: what its maker tells of it.
//! - [`store`]: the directory of packs: written, found, listed.
//! - [`layer`]: a layer in use: described, listed, restored.
//! - [`tree`]: what layers show on each other, without a mount.
//! - [`image_store`]: what builds came to, in packs of the same store.
//! - [`prune`]: the store's life: least recently used first, never one in use.
//! - [`layered_build`]: a build whose hooks are reused and kept; the rest knows of no hook.
//! - [`error`]: what can go wrong.
//!
//! Behind them, `entry` is an upper directory in memory, `scan` reads one, `pack` is the format of the file,
//! `overlay_attributes` the names that depend on who mounts, `workers` the threads, and `restore` makes the
//! directory again.

pub mod description;
mod directories;
mod entry;
pub mod error;
pub mod image_store;
pub mod key;
pub mod layer;
pub mod layered_build;
mod overlay_attributes;
mod pack;
pub mod pack_name;
pub mod prune;
mod restore;
mod scan;
pub mod store;
pub mod tree;
mod workers;

pub use description::{LayerDescription, LayerDownload, LayerInput, LayerPackage, LayerSizes};
pub use error::{Damage, ImageTakeError, ImageWriteError, OpenError, RestoreError, StoreError, WriteError};
pub use image_store::{ImageDescription, ImageFile, ImageRecord, ImageStore, ImageSummary, StoredFile};
pub use key::{InvalidLayerKey, LayerKey};
pub use layer::{Layer, LayerPath, RestoreReport};
pub use layered_build::LayeredBuild;
pub use pack_name::PackName;
pub use prune::{LayerSummary, Pruned, Verified};
pub use store::LayerStore;
pub use tree::{LayeredTree, TreeEntry, TreeKind};
