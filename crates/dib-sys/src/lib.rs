//! What a build needs of the kernel: namespaces, mounts, commands in the target, and a target root that no
//! symbolic link leads out of.
//!
//! This crate must not know what an element, a hook, an image or a download is. It holds the project's only
//! unsafe code, and every such block says why it is sound.
//!
//! In reading order:
//! - [`target_path`]: a path inside the image, which never joins with a path of the host.
//! - [`target_root`]: the image's root directory, in which every path resolves inside it.
//! - [`sandbox`]: namespaces that take their mounts and processes with them when they end.
//! - [`mounts`]: bind mounts and the kernel's file systems in the target.
//! - [`loop_device`]: a disk's file as a block device.
//! - [`overlay`]: the tree as a stack of layers.
//! - [`command`]: programs run in the target or beside it.
//! - [`companion`]: programs that run beside this process and end with it.
//! - [`mod@clone_range`]: parts of files that share their blocks.
//! - [`device_node`]: device nodes that an ordinary user's sandbox cannot make, kept for the image.

pub mod clone_range;
pub mod command;
pub mod companion;
pub mod device_node;
pub mod loop_device;
pub mod mounts;
pub mod overlay;
pub mod sandbox;
pub mod target_path;
pub mod target_root;

pub use clone_range::clone_range;
pub use device_node::{DeviceKind, DeviceNode};
pub use target_path::{InvalidTargetPath, TargetPath};
pub use target_root::{FileKind, Metadata, TargetError, TargetRoot, WalkStep};
