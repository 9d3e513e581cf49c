//! What guest clusters are stored as.

use std::io;

use super::cluster_index::IndexedCluster;
use super::known_clusters::{ClusterDigest, KnownCluster, KnownClusters, digest_of};
use super::{Compression, ZSTD_LEVEL};
use crate::deflate::Encoder;

/// Compression that saves less than a sector saves nothing.
const SAVED_AT_LEAST: usize = 512;

/// The version of the rule by which clusters are not even tried.
pub(super) const RANDOM_RULE: u32 = 1;
/// How far from evenly a random cluster's byte values are spread: twice what is seen once in ten thousand of them.
const RANDOM_UP_TO: u64 = 700;

/// Returns whether a cluster's bytes look random, as those of compressed and encrypted files do: all values occur equally
/// often. The statistic is Pearson's (chi-squared with 255 degrees of freedom, which is 255 on average). Up to its limit a code
/// of single bytes saves about `RANDOM_UP_TO / (16 ln 2)` bytes, which is less than a sector; matches alone could save more,
/// and are not to be expected.
fn looks_random(cluster: &[u8]) -> bool {
    // Four counts at once, since a count of the same value has to wait for the last.
    let mut counts = [[0_u32; 256]; 4];
    for bytes in cluster.chunks_exact(4) {
        for (count, byte) in counts.iter_mut().zip(bytes) {
            count[usize::from(*byte)] += 1;
        }
    }
    let squares = (0..256).map(|value| {
        let count: u64 = counts.iter().map(|counts| u64::from(counts[value])).sum();
        count * count
    });
    let length = cluster.len() as u64;
    let statistic = (256 * squares.sum::<u64>() / length).saturating_sub(length);
    statistic <= RANDOM_UP_TO
}

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
            Self::Zlib(_) if looks_random(cluster) => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns bytes that a simple generator makes, spread evenly.
    fn random(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_le_bytes()[6]
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn random_bytes_are_told_from_others() {
        for length in [4096, 65536, 2 << 20] {
            let mut cluster = random(length);
            assert!(looks_random(&cluster), "{length}");
            // A sixteenth of it is text.
            cluster[..length / 16].fill(b' ');
            assert!(!looks_random(&cluster), "{length}");
        }
        assert!(!looks_random(&vec![7; 65536]));
    }
}
