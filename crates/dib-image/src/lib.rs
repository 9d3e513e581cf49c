//! A finished tree becomes image files: archives, file systems and disk formats.
//!
//! This crate knows a tree and a [`DiskSpec`]. It must not know what an element, a hook or a build is, nor set up a
//! sandbox: its caller runs it where the tree is a plain directory without mounts in it, as root or as the root of a
//! user namespace. It mounts nothing and needs no loop device.
//!
//! In reading order:
//! - [`mod@write_images`]: from tree to published files; everything below in its order.
//! - [`block_device`]: upstream's configuration of a disk's layout, as typed data.
//! - [`disk_spec`]: what the disk and its file systems shall be like, with every identifier.
//! - [`mod@make_disk`]: from tree to disk; everything below in its order.
//! - [`made_disk`]: what is to be known of a disk that somebody works on before it becomes images.
//! - [`byte_size`]: sizes, and how they are written.
//! - [`tree_size`]: how large an image a tree needs.
//! - [`partition_table`]: where partitions lie, and the tables that say so.
//! - `aside`: parts of the tree that are file systems of their own.
//! - [`ext`], [`vfat`], [`xfs`], `swap`: file systems, each in its `room` on the disk.
//! - [`boot_code`]: GRUB's boot code for a BIOS.
//! - [`identifier`]: what disks, partitions and file systems are identified by.
//! - [`image_format`]: the formats there are, and [`format_options`], their options as `qemu-img` writes them.
//! - [`tar_archive`], [`container`], [`squashfs`]: the tree as an archive, a container image, a file system.
//! - [`qcow2`], [`vhd`], [`vmdk`], `raw_zst`: a raw disk in other formats.
//! - `pieces`, `in_order`: a raw disk in pieces, and other jobs, on all cores.
//! - `deflate`: compression with a window as small as qcow2's; `gzip`: one stream by all cores.
//! - [`output_file`]: a file that stands under its name only when it is complete.
//! - [`checksums`]: MD5 and SHA-256 of an image, both at once.
//! - `sparse`: where a file has data and where it has holes.
//! - `tool`: running the programs that make file systems.

pub mod aside;
pub mod block_device;
pub mod boot_code;
pub mod byte_size;
pub mod checksums;
pub mod container;
mod deflate;
#[cfg(test)]
mod disk_fixture;
pub mod disk_spec;
pub mod ext;
#[cfg(test)]
mod fixture;
pub mod format_options;
mod gzip;
pub mod identifier;
pub mod image_format;
mod in_order;
pub mod made_disk;
pub mod make_disk;
pub mod output_file;
pub mod partition_table;
mod pieces;
pub mod qcow2;
mod raw_zst;
mod room;
mod sparse;
pub mod squashfs;
mod swap;
pub mod tar_archive;
mod tool;
pub mod tree_size;
pub mod vfat;
pub mod vhd;
pub mod vmdk;
pub mod write_images;
pub mod xfs;

pub use aside::AsideError;
pub use block_device::{
    BlockDeviceConfig, BlockDeviceError, FileSystemType, LayoutFault, PartitionSize, SectorSize, TableKind,
    UnknownFileSystemType,
};
pub use boot_code::BootCodeError;
pub use byte_size::{ByteSize, InvalidByteSize};
pub use checksums::{Checksums, Sums};
pub use container::{ContainerKind, ContainerOptions, ContainerReference, InvalidReference, write_container};
pub use disk_spec::{DiskSpec, DiskSpecError, FileSystem, ImageSize, RootFileSystem};
pub use ext::ExtError;
pub use format_options::{FormatOptionError, apply_options};
pub use identifier::{FileSystemIdentifier, Uuid};
pub use image_format::ImageFormat;
pub use in_order::ThreadError;
pub use made_disk::{PlacedPartition, embed_boot_code};
pub use make_disk::{DiskError, make_disk};
pub use output_file::{Existing, FinishedFile, OutputError, OutputFile, PublishedFile, remove_leftovers};
pub use partition_table::{PartitionType, UnknownPartitionType};
pub use qcow2::{
    ClusterIndex, ClusterIndexError, ClusterReuse, ClusterSize, Compression, KnownCluster, KnownClusters,
    KnownImage, Qcow2Error, Qcow2Options, Qcow2Version, RefcountBits, write_qcow2, write_qcow2_with_index,
};
pub use squashfs::{SquashFsError, make_squashfs};
pub use tar_archive::{TarError, TarReport, write_tar, write_tgz};
pub use tool::ToolError;
pub use tree_size::{TreeSizeError, default_image_size};
pub use vfat::VfatError;
pub use vhd::{VhdError, VhdLayout, VhdOptions, write_vhd};
pub use vmdk::{VmdkAdapter, VmdkError, VmdkLayout, VmdkOptions, write_vmdk};
pub use write_images::{
    CompleteImages, Event, ImageError, ImageSources, Output, WrittenImage, convert_disk, copy_images,
    write_images, write_images_of_disk,
};
pub use xfs::XfsError;
