//! Which groups of an ext file system begin with a copy of the superblock.

use super::little_endian::u32_at;

/// The flags of `s_feature_ro_compat` and of `s_feature_compat` for fewer copies.
const FEWER_COPIES: u32 = 0x1;
const TWO_COPIES: u32 = 0x200;

pub(super) enum Copies {
    All,
    /// The first two, and those whose numbers are powers of 3, 5 and 7.
    Sparse,
    These([u64; 2]),
}

impl Copies {
    pub(super) fn read(superblock: &[u8]) -> Self {
        if u32_at(superblock, 0x5c) & TWO_COPIES != 0 {
            Self::These([0x24c, 0x250].map(|at| u64::from(u32_at(superblock, at))))
        } else if u32_at(superblock, 0x64) & FEWER_COPIES != 0 {
            Self::Sparse
        } else {
            Self::All
        }
    }

    pub(super) fn has(&self, group: u64) -> bool {
        let is_power = |of: u64| {
            let mut power = of;
            while power < group {
                power *= of;
            }
            power == group
        };
        match self {
            Self::All => true,
            Self::Sparse => group <= 1 || [3, 5, 7].into_iter().any(is_power),
            Self::These(groups) => group == 0 || groups.contains(&group),
        }
    }
}
