//! Clusters that need not be compressed, since that has been done before.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::cluster_index::{ClusterIndex, IndexedCluster};

/// A BLAKE3 digest.
pub(crate) type ClusterDigest = [u8; 32];

/// Clusters whose compressed form is known.
pub trait KnownClusters: Sync + fmt::Debug {
    /// Returns how they are compressed, as [`Qcow2Options::cluster_key`](super::Qcow2Options::cluster_key) has it: they are
    /// used for images of the same key alone.
    fn key(&self) -> &str;

    /// Returns what a cluster was compressed to, which the implementor has verified.
    ///
    /// `content` is the BLAKE3 digest of the cluster's content. What is not known, or known to be damaged, is `None`.
    fn find(&self, content: &[u8; 32]) -> Option<KnownCluster>;
}

/// What is known of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownCluster {
    /// It is stored compressed.
    Compressed {
        /// The compressed bytes.
        bytes: Vec<u8>,
        /// Their BLAKE3 digest.
        digest: [u8; 32],
    },
    /// It is stored as it is, since compression saves too little.
    Incompressible,
}

/// What is done about clusters that images before have, and images to come may have.
#[derive(Debug, Clone, Copy, Default)]
pub enum ClusterReuse<'k> {
    /// Nothing: all are compressed, and no index is made.
    #[default]
    Never,
    /// All are compressed, and an index of them is made.
    Recorded,
    /// Those that are known are taken from there, and an index is made.
    Known(&'k dyn KnownClusters),
}

/// An image's file and its index: the known clusters of images to come.
///
/// Nothing in the file is trusted: what has not the digest that the index says is unknown. So it may be any file, such as an
/// image that somebody has booted from since, and anything that is read like one.
#[derive(Debug)]
pub struct KnownImage<Image = File> {
    file: Image,
    index: ClusterIndex,
}

impl<Image: FileExt> KnownImage<Image> {
    /// Makes the clusters of an image known.
    #[must_use]
    pub fn new(file: Image, index: ClusterIndex) -> Self {
        Self { file, index }
    }
}

impl<Image: FileExt + Sync + fmt::Debug> KnownClusters for KnownImage<Image> {
    fn key(&self) -> &str {
        self.index.key()
    }

    fn find(&self, content: &[u8; 32]) -> Option<KnownCluster> {
        match *self.index.find(content)? {
            IndexedCluster::Incompressible => Some(KnownCluster::Incompressible),
            IndexedCluster::Compressed {
                offset,
                length,
                digest,
            } => {
                let mut bytes = vec![0; length.try_into().ok()?];
                self.file.read_exact_at(&mut bytes, offset).ok()?;
                let read = digest_of(&bytes);
                (read == digest).then_some(KnownCluster::Compressed { bytes, digest })
            }
        }
    }
}

pub(super) fn digest_of(bytes: &[u8]) -> ClusterDigest {
    blake3::hash(bytes).into()
}

#[cfg(test)]
mod tests;
