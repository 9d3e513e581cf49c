//! What can be wrong with a disk's layout.

use dib_yaml::Place;

use super::{InvalidPartitionSize, UnknownFileSystemType};
use crate::partition_table::UnknownPartitionType;

/// A disk's layout makes no sense, or can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{} {fault}", place.map(|place| format!("{place}:")).unwrap_or_default())]
#[non_exhaustive]
pub struct BlockDeviceError {
    /// The file, variable or element that the layout is from.
    pub origin: String,
    /// Where in it, when it is known.
    pub place: Option<Place>,
    /// What is wrong.
    pub fault: Box<LayoutFault>,
}

/// A fault, and its place where that is known.
pub(super) type Misplaced = (Option<Place>, LayoutFault);

/// What is wrong with a disk's layout.
///
/// Nodes are named by their kind and name, such as `mkfs mkfs_root`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutFault {
    /// The document's shape is wrong.
    #[error(transparent)]
    Document(#[from] dib_yaml::Fault),
    /// An entry of the list is no node.
    #[error("an entry must be one node, a mapping with one key out of {}", super::flat::KINDS.join(", "))]
    Entry,
    /// A key names no kind of node.
    #[error("there is no node {name:?}; there are {}", super::flat::KINDS.join(", "))]
    UnknownNode {
        /// The key.
        name: String,
    },
    /// Logical volumes are wanted.
    #[error(
        "logical volumes (lvm) can't be made: without device-mapper, LVM's metadata would have to be written by hand; \
         give each file system a partition of its own"
    )]
    Lvm,
    /// A node has a key that it can't have.
    #[error("{node} has no key {key:?}; it has {}", known.join(", "))]
    UnknownKey {
        /// The node.
        node: String,
        /// The key.
        key: String,
        /// The keys there are.
        known: &'static [&'static str],
    },
    /// A node lacks a key that it must have.
    #[error("{node} has no {key}")]
    Missing {
        /// The node.
        node: String,
        /// The key.
        key: &'static str,
    },
    /// A key has a value that it can't have.
    #[error("{key} of {node} must be {wanted}, not {found:?}")]
    Value {
        /// The node.
        node: String,
        /// The key.
        key: &'static str,
        /// What it can be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// Two nodes have one name.
    #[error("{node} has the name of {other}")]
    DuplicateName {
        /// The later node.
        node: String,
        /// The earlier one.
        other: String,
    },
    /// A node's base is nowhere.
    #[error("{node} stands on {base:?}, which is nowhere")]
    NoBase {
        /// The node.
        node: String,
        /// The name of its base.
        base: String,
    },
    /// A node stands on one that can't carry it.
    #[error("{node} stands on {base}, but only {wanted} can carry it")]
    WrongBase {
        /// The node.
        node: String,
        /// Its base.
        base: String,
        /// What its base must be.
        wanted: &'static str,
    },
    /// Two nodes stand on one that can carry but one.
    #[error("{node} and {other} stand on {base} both")]
    SharedBase {
        /// The later node.
        node: String,
        /// The earlier one.
        other: String,
        /// Their base.
        base: String,
    },
    /// There is no disk, or more than one.
    #[error("one local_loop must be there, the disk, and there are {0}")]
    Disks(usize),
    /// A size can't be read.
    #[error("{node}: {source}")]
    Size {
        /// The node.
        node: String,
        /// Why.
        source: InvalidPartitionSize,
    },
    /// A partition type is unknown.
    #[error("the partition {partition}: {source}")]
    PartitionType {
        /// The partition.
        partition: String,
        /// Why.
        source: UnknownPartitionType,
    },
    /// A file system's type is unknown.
    #[error("{node}: {source}")]
    FileSystemType {
        /// The node.
        node: String,
        /// Why.
        source: UnknownFileSystemType,
    },
    /// A partition of a GPT is called primary.
    #[error("the partition {0} of a gpt can't be primary, for only an mbr makes that difference")]
    PrimaryInGpt(String),
    /// A primary partition stands behind a logical one.
    #[error("the primary partition {0} stands behind one that is not; primary ones come first")]
    PrimaryBehindLogical(String),
    /// An MBR has more partitions than it has room for.
    #[error("an mbr has room for 4 primary partitions, or 3 beside logical ones; {0} is one too many")]
    TooManyPrimary(String),
    /// A GPT has more partitions than it has room for.
    #[error("a gpt has room for 128 partitions")]
    TooManyPartitions,
    /// A partition stands behind one that takes all the room.
    #[error("the partition {partition} has no room, for {taker} before it takes all there is")]
    NothingLeft {
        /// The partition.
        partition: String,
        /// The one that takes all.
        taker: String,
    },
    /// An MBR is wanted on a disk whose sectors it can't count.
    #[error("an mbr counts sectors of 512 bytes; a disk with sectors of 4096 bytes needs a gpt")]
    MbrSectorSize,
    /// Two file systems are mounted at one point.
    #[error("{node} and {other} are mounted at {mount_point} both")]
    SharedMountPoint {
        /// The later node.
        node: String,
        /// The earlier one.
        other: String,
        /// Where.
        mount_point: String,
    },
    /// Nothing is mounted at `/`.
    #[error("no file system is mounted at /")]
    NoRoot,
    /// The file system at `/` can't hold a system.
    #[error("{node}, mounted at /, is of the type {kind}, which can't hold the image's files")]
    RootType {
        /// The file system's node.
        node: String,
        /// Its type.
        kind: super::FileSystemType,
    },
    /// A label is longer than the file system's field for it.
    #[error("the label {label:?} of {node} is longer than the {longest} bytes that {kind} has for it")]
    LongLabel {
        /// The file system's node.
        node: String,
        /// The label.
        label: String,
        /// How many bytes it may have.
        longest: usize,
        /// The file system's type.
        kind: super::FileSystemType,
    },
    /// A label has a character that it can't have.
    #[error("the label {label:?} of {node} has a character that no label of {kind} can have")]
    LabelCharacter {
        /// The file system's node.
        node: String,
        /// The label.
        label: String,
        /// The file system's type.
        kind: super::FileSystemType,
    },
    /// Two file systems have one label, so that neither is found by it.
    #[error("{node} and {other} have the label {label:?} both")]
    SharedLabel {
        /// The later node.
        node: String,
        /// The earlier one.
        other: String,
        /// The label.
        label: String,
    },
    /// A file system's options can't be honoured.
    #[error("{node}: the option {option:?} is none that can be honoured for {kind}")]
    Options {
        /// The file system's node.
        node: String,
        /// The option.
        option: String,
        /// The file system's type.
        kind: super::FileSystemType,
    },
}
