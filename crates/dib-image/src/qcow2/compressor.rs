//! What guest clusters are stored as.

use std::io;

use super::cluster_index::IndexedCluster;
use super::known_clusters::{ClusterDigest, KnownCluster, KnownClusters, digest_of};
use super::{Compression, ZSTD_LEVEL};
use crate::deflate::Encoder;

/// Compression that saves less than a sector saves nothing.
const SAVED_AT_LEAST: usize = 512;

/// A guest cluster that is not all zeros.
#[derive(Debug)]
pub(super) enum Content {
    Stored(Vec<u8>),
    Compressed(Vec<u8>),
}

/// A cluster for an image that gets an index.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) content: Content,
    /// The digest of the cluster as the guest sees it.
    raw: ClusterDigest,
    /// The digest of the compressed bytes, where it is compressed.
    compressed: Option<ClusterDigest>,
}

impl Recorded {
    /// Returns the index's entry of the cluster when it has been stored at an offset.
    pub(super) fn indexed_at(&self, offset: u64) -> (ClusterDigest, IndexedCluster) {
        let cluster = match (&self.content, self.compressed) {
            (Content::Compressed(bytes), Some(digest)) => IndexedCluster::Compressed {
                offset,
                length: u32::try_from(bytes.len()).expect("a cluster is at most 2 MiB"),
                digest,
            },
            _ => IndexedCluster::Incompressible,
        };
        (self.raw, cluster)
    }
}

/// What a thread compresses clusters with.
pub(super) enum Compressor {
    None,
    Zlib(Box<Encoder>),
    Zstd(io::Result<zstd::bulk::Compressor<'static>>),
}

impl Compressor {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Zlib => Self::Zlib(Box::new(Encoder::new())),
            Compression::Zstd => Self::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL)),
        }
    }

    /// Compresses a cluster, unless that saves too little.
    pub(super) fn content(&mut self, cluster: &[u8]) -> io::Result<Content> {
        let largest = cluster.len() - SAVED_AT_LEAST;
        let compressed = match self {
            Self::None => None,
            Self::Zlib(encoder) => Some(encoder.deflate(cluster))
                .filter(|data| data.len() <= largest)
                .map(<[u8]>::to_owned),
            Self::Zstd(compressor) => {
                let compressor = compressor
                    .as_mut()
                    .map_err(|error| io::Error::from(error.kind()))?;
                Some(compressor.compress(cluster)?).filter(|data| data.len() <= largest)
            }
        };
        Ok(compressed.map_or_else(|| Content::Stored(cluster.to_owned()), Content::Compressed))
    }

    /// Takes a cluster from those that are known, or compresses it.
    pub(super) fn recorded(
        &mut self,
        cluster: &[u8],
        known: Option<&dyn KnownClusters>,
    ) -> io::Result<Recorded> {
        let raw = digest_of(cluster);
        let (content, compressed) = match known.and_then(|known| known.find(&raw)) {
            Some(KnownCluster::Compressed { bytes, digest }) => (Content::Compressed(bytes), Some(digest)),
            Some(KnownCluster::Incompressible) => (Content::Stored(cluster.to_owned()), None),
            None => {
                let content = self.content(cluster)?;
                let compressed = match &content {
                    Content::Compressed(bytes) => Some(digest_of(bytes)),
                    Content::Stored(_) => None,
                };
                (content, compressed)
            }
        };
        Ok(Recorded {
            content,
            raw,
            compressed,
        })
    }
}
