//! Where an image's compressed clusters lie, by their content.
//!
//! As a file it is, with numbers in little-endian order: the eight bytes of `MAGIC`, the key's length in eight and
//! the key, the number of clusters in eight; for each cluster, ascending, the digest of its content (32 bytes), its offset (8),
//! its length (4) and the digest of the compressed bytes (32); last the BLAKE3 digest of all that. An incompressible
//! cluster has the length 0, and zeros in the place of offset and digest.

use std::collections::BTreeMap;

use super::known_clusters::{ClusterDigest, digest_of};

/// What such a file begins with; the last byte is the format's version.
const MAGIC: [u8; 8] = *b"dibclus\x02";
/// A cluster's bytes in the file.
const ENTRY: usize = 32 + 8 + 4 + 32;
/// The largest cluster, and more than any compressed one has, in bytes.
const LARGEST: u32 = 2 << 20;

/// Where the clusters of a qcow2 image lie, by the BLAKE3 digest of their content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterIndex {
    key: String,
    /// In ascending order of the contents' digests.
    clusters: Vec<(ClusterDigest, IndexedCluster)>,
}

/// What the index knows of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IndexedCluster {
    Compressed {
        /// Where the compressed bytes begin, from the file's start.
        offset: u64,
        /// How many they are.
        length: u32,
        /// Their BLAKE3 digest.
        digest: ClusterDigest,
    },
    Incompressible,
}

/// Bytes are no whole index of clusters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterIndexError {
    /// They begin with something else, or are of another version of the format.
    #[error("it does not begin as an index of clusters of this version does")]
    OtherFormat,
    /// They are not those that were written.
    #[error("it is damaged: its checksum is that of other bytes")]
    Checksum,
    /// They are what was written, and still no index.
    #[error("it is malformed: its {0}")]
    Malformed(&'static str),
}

impl ClusterIndex {
    /// Makes an index of clusters that may be given more than once: the first of a content counts.
    pub(super) fn new(
        key: String,
        clusters: impl IntoIterator<Item = (ClusterDigest, IndexedCluster)>,
    ) -> Self {
        let mut by_content = BTreeMap::new();
        for (content, cluster) in clusters {
            by_content.entry(content).or_insert(cluster);
        }
        Self {
            key,
            clusters: by_content.into_iter().collect(),
        }
    }

    /// Returns how the clusters are compressed: the image's
    /// [`Qcow2Options::cluster_key`](super::Qcow2Options::cluster_key).
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the number of contents that it knows.
    #[must_use]
    pub fn clusters(&self) -> usize {
        self.clusters.len()
    }

    pub(super) fn find(&self, content: &ClusterDigest) -> Option<&IndexedCluster> {
        let found = self.clusters.binary_search_by(|(known, _)| known.cmp(content));
        Some(&self.clusters[found.ok()?].1)
    }

    /// Returns the index as bytes, which depend on the image alone: about 76 for each cluster.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.key.len() + self.clusters.len() * ENTRY);
        bytes.extend(MAGIC);
        bytes.extend((self.key.len() as u64).to_le_bytes());
        bytes.extend(self.key.as_bytes());
        bytes.extend((self.clusters.len() as u64).to_le_bytes());
        for (content, cluster) in &self.clusters {
            let (offset, length, digest) = match *cluster {
                IndexedCluster::Compressed {
                    offset,
                    length,
                    digest,
                } => (offset, length, digest),
                IndexedCluster::Incompressible => (0, 0, [0; 32]),
            };
            bytes.extend(content);
            bytes.extend(offset.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend(digest);
        }
        let checksum = digest_of(&bytes);
        bytes.extend(checksum);
        bytes
    }

    /// Reads an index from the bytes that [`to_bytes`](Self::to_bytes) made.
    ///
    /// # Errors
    /// When they are others.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ClusterIndexError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(ClusterIndexError::OtherFormat);
        }
        let (content, checksum) = bytes.split_last_chunk().ok_or(ClusterIndexError::Checksum)?;
        if digest_of(content) != *checksum {
            return Err(ClusterIndexError::Checksum);
        }
        let malformed = ClusterIndexError::Malformed;
        let mut rest = content.get(MAGIC.len()..).unwrap_or_default();
        let end = || malformed("end comes too early");
        let key_length = usize::try_from(u64::from_le_bytes(take(&mut rest).ok_or_else(end)?));
        let (key, after) = rest
            .split_at_checked(key_length.unwrap_or(usize::MAX))
            .ok_or_else(end)?;
        rest = after;
        let key = std::str::from_utf8(key).map_err(|_| malformed("key is no text"))?;
        let number = u64::from_le_bytes(take(&mut rest).ok_or_else(end)?);
        let (entries, after) = rest.as_chunks::<ENTRY>();
        if entries.len() as u64 != number || !after.is_empty() {
            return Err(malformed("length is not that of its clusters"));
        }
        let clusters = entries.iter().map(read_entry).collect::<Option<Vec<_>>>();
        let clusters = clusters.ok_or_else(|| malformed("clusters are larger than there are any"))?;
        if !clusters.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(malformed("clusters are not in order"));
        }
        Ok(Self {
            key: key.to_owned(),
            clusters,
        })
    }
}

/// Reads a cluster, if it can be one.
fn read_entry(entry: &[u8; ENTRY]) -> Option<(ClusterDigest, IndexedCluster)> {
    let mut rest = entry.as_slice();
    let content = take(&mut rest)?;
    let offset = u64::from_le_bytes(take(&mut rest)?);
    let length = u32::from_le_bytes(take(&mut rest)?);
    let digest = take(&mut rest)?;
    let cluster = match length {
        0 => IndexedCluster::Incompressible,
        1..LARGEST => IndexedCluster::Compressed {
            offset,
            length,
            digest,
        },
        _ => return None,
    };
    Some((content, cluster))
}

/// Takes so many bytes from the front.
fn take<const LENGTH: usize>(bytes: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests;
