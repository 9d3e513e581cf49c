//! A finished tree becomes image files: archives, file systems and disk formats.
//!
//! This crate knows a tree and a [`DiskSpec`]. It must not know what an element, a hook or a build is, nor set up a
//! sandbox: its caller runs it where the tree is a plain directory without mounts in it, as root or as the root of a
//! user namespace. It mounts nothing and needs no loop device.
//!
//! In reading order:
//! - [`mod@write_images`]: from tree to published files; everything below in its order.
//! - [`disk_spec`]: what the disk and its file system shall be like.
//! - [`byte_size`]: sizes, and how they are written.
//! - [`tree_size`]: how large an image a tree needs.
//! - [`tar_archive`]: the tree as a tar archive.
//! - [`ext4`]: the tree as an ext4 file system.
//! - [`qcow2`]: a raw disk as a qcow2 image.
//! - [`output_file`]: a file that stands under its name only when it is complete.
//! - [`checksums`]: MD5 and SHA-256 of an image, both at once.
//! - `sparse`: where a file has data and where it has holes.
//! - `tool`: running the programs of e2fsprogs.

pub mod byte_size;
pub mod checksums;
pub mod disk_spec;
pub mod ext4;
#[cfg(test)]
mod fixture;
pub mod output_file;
pub mod qcow2;
mod sparse;
pub mod tar_archive;
mod tool;
pub mod tree_size;
pub mod write_images;

pub use byte_size::{ByteSize, InvalidByteSize};
pub use checksums::{Checksums, Sums};
pub use disk_spec::{DiskSpec, FileSystemLabel, FileSystemSpec, FileSystemUuid, ImageSize};
pub use ext4::{Ext4Error, make_ext4};
pub use output_file::{Existing, FinishedFile, OutputError, OutputFile, PublishedFile, remove_leftovers};
pub use qcow2::{Compression, Qcow2Error, Qcow2Options, Qcow2Version, write_qcow2};
pub use tar_archive::{TarError, TarReport, write_tar};
pub use tool::ToolError;
pub use tree_size::{TreeSizeError, default_image_size};
pub use write_images::{Event, ImageError, ImageFormat, Output, WrittenImage, write_images};
