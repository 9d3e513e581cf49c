//! Device nodes kept for the image.

use serde::{Deserialize, Serialize};

use crate::TargetPath;

/// Whether a device node is a character or a block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A character device (`mknod … c`).
    Character,
    /// A block device (`mknod … b`).
    Block,
}

/// A device node that belongs into the image but could not be made in the tree.
///
/// The kernel lets nobody make device nodes in a user namespace, so they travel beside the tree and are written
/// straight into the image's file system or archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceNode {
    /// Where it stands in the image.
    pub path: TargetPath,
    /// Character or block.
    pub kind: DeviceKind,
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
    /// The permission bits, such as `0o666`.
    pub mode: u32,
    /// The owner's number in the image.
    pub uid: u32,
    /// The group's number in the image.
    pub gid: u32,
    /// The time of last change, in seconds since 1970.
    pub mtime: i64,
}
