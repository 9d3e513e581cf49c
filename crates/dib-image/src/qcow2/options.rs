//! How a qcow2 image is written, and what the options are called.

use super::ZSTD_LEVEL;
use super::compressor::RANDOM_RULE;
use crate::deflate;
use crate::format_options::{FormatOptionError, known_value, switch};

/// How a qcow2 image is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Qcow2Options {
    /// The format's version.
    pub version: Qcow2Version,
    /// How guest data is stored.
    pub compression: Compression,
    /// The clusters' size.
    pub cluster_size: ClusterSize,
    /// The width of a cluster's count.
    pub refcount_bits: RefcountBits,
    /// Whether QEMU may leave the counts of clusters behind while it writes to the image.
    pub lazy_refcounts: bool,
}

/// A version of the qcow2 format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Qcow2Version {
    /// Version 2, which QEMU calls `compat=0.10`.
    V2,
    /// Version 3, which QEMU calls `compat=1.1`.
    #[default]
    V3,
}

/// How guest data is stored in a qcow2 image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// As it is.
    None,
    /// Deflated, cluster by cluster, except where that saves nothing.
    #[default]
    Zlib,
    /// Compressed with zstd, cluster by cluster, except where that saves nothing. QEMU reads it from 5.1 on.
    Zstd,
}

/// A cluster's size: a power of two from 512 bytes to 2 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterSize {
    bits: u32,
}

impl ClusterSize {
    /// Returns the cluster size of so many bytes, if there is one.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        let valid = bytes.is_power_of_two() && (512..=2 << 20).contains(&bytes);
        valid.then(|| Self {
            bits: bytes.trailing_zeros(),
        })
    }

    /// Returns it in bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        1 << self.bits
    }

    /// Returns it as the exponent of two.
    pub(super) fn bits(self) -> u32 {
        self.bits
    }
}

impl Default for ClusterSize {
    /// QEMU's: 64 KiB.
    fn default() -> Self {
        Self { bits: 16 }
    }
}

/// The width of a cluster's count: a power of two from 1 to 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefcountBits {
    order: u32,
}

impl RefcountBits {
    /// Returns the width of so many bits, if there is one.
    #[must_use]
    pub fn new(bits: u32) -> Option<Self> {
        let valid = bits.is_power_of_two() && bits <= 64;
        valid.then(|| Self {
            order: bits.trailing_zeros(),
        })
    }

    /// Returns it in bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        1 << self.order
    }

    /// Returns it as the exponent of two.
    pub(super) fn order(self) -> u32 {
        self.order
    }
}

impl Default for RefcountBits {
    /// QEMU's, and the only one in version 2: 16.
    fn default() -> Self {
        Self { order: 4 }
    }
}

impl Qcow2Options {
    /// The names of the options that `set` knows, as QEMU has them.
    pub const NAMES: &'static [&'static str] = &[
        "compat",
        "compression_type",
        "cluster_size",
        "lazy_refcounts",
        "refcount_bits",
        "preallocation",
    ];

    /// Returns what a cluster's compressed form depends on besides its content, if clusters are compressed.
    ///
    /// Images of the same key hold the same bytes for the same cluster. It changes with whatever compresses, so that clusters
    /// of an older one are not taken for those of a newer one.
    #[must_use]
    pub fn cluster_key(&self) -> Option<String> {
        let encoder = match self.compression {
            Compression::None => return None,
            Compression::Zlib => format!("zlib {}.{RANDOM_RULE}", deflate::VERSION),
            Compression::Zstd => format!("zstd {} {ZSTD_LEVEL}", zstd::zstd_safe::version_number()),
        };
        Some(format!("{encoder} in {}", self.cluster_size.bytes()))
    }

    /// Sets the option of one of the [`NAMES`](Self::NAMES).
    ///
    /// Source of names and values: `qemu-img convert -O qcow2 -o help` of QEMU 7.2. Uncompressed images stay so.
    ///
    /// # Errors
    /// When the value is none of the option's.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) -> Result<(), FormatOptionError> {
        let invalid = |expected: &str| FormatOptionError::invalid(name, value, expected);
        match name {
            "compat" => {
                let versions = [
                    ("0.10", Qcow2Version::V2),
                    ("v2", Qcow2Version::V2),
                    ("1.1", Qcow2Version::V3),
                    ("v3", Qcow2Version::V3),
                ];
                self.version = known_value(name, value, &versions)?;
            }
            "compression_type" => {
                let compression = known_value(
                    name,
                    value,
                    &[("zlib", Compression::Zlib), ("zstd", Compression::Zstd)],
                )?;
                if self.compression != Compression::None {
                    self.compression = compression;
                }
            }
            "cluster_size" => {
                let size = bytes(value).and_then(ClusterSize::new);
                self.cluster_size = size.ok_or_else(|| invalid("a power of two from 512 to 2M"))?;
            }
            "lazy_refcounts" => self.lazy_refcounts = switch(name, value)?,
            "refcount_bits" => {
                let bits = value.parse().ok().and_then(RefcountBits::new);
                self.refcount_bits = bits.ok_or_else(|| invalid("a power of two from 1 to 64"))?;
            }
            _ => known_value(name, value, &[("off", ())])?,
        }
        Ok(())
    }

    /// Checks that the options go together.
    ///
    /// # Errors
    /// When one needs version 3 and the image is of version 2.
    pub(crate) fn check(&self) -> Result<(), FormatOptionError> {
        let needs_version_3 = if self.compression == Compression::Zstd {
            "compression_type=zstd"
        } else if self.lazy_refcounts {
            "lazy_refcounts=on"
        } else if self.refcount_bits != RefcountBits::default() {
            "a refcount_bits other than 16"
        } else {
            return Ok(());
        };
        match self.version {
            Qcow2Version::V2 => Err(FormatOptionError::Conflict {
                one: needs_version_3,
                other: "compat=0.10",
            }),
            Qcow2Version::V3 => Ok(()),
        }
    }
}

/// Reads a number of bytes as QEMU does: with a suffix, of powers of 1024, or none.
fn bytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()?.to_ascii_lowercase() {
        b'k' => (&text[..text.len() - 1], 10),
        b'm' => (&text[..text.len() - 1], 20),
        b'b' => (&text[..text.len() - 1], 0),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}
