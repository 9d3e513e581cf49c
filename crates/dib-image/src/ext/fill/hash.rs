//! The hash of names by which directories are indexed: ext4's `half_md4`.
//!
//! Source: the kernel's documentation of ext4's on-disk format, `Documentation/filesystems/ext4/`, and what its
//! `fs/ext4/hash.c` does with a name's bytes.

use super::super::little_endian::u32_at;

/// The number of half MD4 in `s_def_hash_version`.
pub(super) const HALF_MD4: u8 = 1;
/// The state with which MD4 begins, where the superblock has none.
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// The hash that stands for the end of a directory.
const END: u32 = 0x7fff_ffff << 1;

/// Hashes the names of one file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameHash {
    start: [u32; 4],
    is_unsigned: bool,
}

impl NameHash {
    /// Nothing is returned when the file system's hash is another one.
    pub(super) fn new(version: u8, seed: &[u8], is_unsigned: bool) -> Option<Self> {
        let seed = [0, 4, 8, 12].map(|at| u32_at(seed, at));
        let start = if seed == [0; 4] { START } else { seed };
        (version == HALF_MD4).then_some(Self { start, is_unsigned })
    }

    /// Returns a name's hash, whose lowest bit is always 0.
    pub(super) fn of(&self, name: &[u8]) -> u32 {
        let mut state = self.start;
        let mut rest = name;
        while !rest.is_empty() {
            transform(&mut state, self.words(rest));
            rest = rest.get(32..).unwrap_or_default();
        }
        let hash = state[1] & !1;
        if hash == END { END - 2 } else { hash }
    }

    /// Returns the first 32 bytes as words; what is missing is made up from how many bytes there are.
    fn words(&self, bytes: &[u8]) -> [u32; 8] {
        let [length, ..] = bytes.len().to_le_bytes();
        let padding = u32::from_le_bytes([length; 4]);
        let mut words = [padding; 8];
        let first = &bytes[..bytes.len().min(32)];
        for (word, part) in words.iter_mut().zip(first.chunks(4)) {
            for byte in part {
                *word = (*word << 8).wrapping_add(self.extended(*byte));
            }
        }
        words
    }

    fn extended(&self, byte: u8) -> u32 {
        if self.is_unsigned {
            u32::from(byte)
        } else {
            i32::from(byte.cast_signed()).cast_unsigned()
        }
    }
}

/// One block of MD4 with half as many words and steps.
fn transform(state: &mut [u32; 4], words: [u32; 8]) {
    type Mix = fn(u32, u32, u32) -> u32;
    const ROUNDS: [(Mix, u32, [usize; 8], [u32; 4]); 3] = [
        (
            |x, y, z| z ^ (x & (y ^ z)),
            0,
            [0, 1, 2, 3, 4, 5, 6, 7],
            [3, 7, 11, 19],
        ),
        (
            |x, y, z| (x & y).wrapping_add((x ^ y) & z),
            0x5a82_7999,
            [1, 3, 5, 7, 0, 2, 4, 6],
            [3, 5, 9, 13],
        ),
        (
            |x, y, z| x ^ y ^ z,
            0x6ed9_eba1,
            [3, 7, 2, 6, 1, 5, 0, 4],
            [3, 9, 11, 15],
        ),
    ];
    let [mut a, mut b, mut c, mut d] = *state;
    for (mix, constant, order, turns) in ROUNDS {
        for (step, index) in order.into_iter().enumerate() {
            let sum = a
                .wrapping_add(mix(b, c, d))
                .wrapping_add(words[index])
                .wrapping_add(constant);
            (a, b, c, d) = (d, sum.rotate_left(turns[step % 4]), b, c);
        }
    }
    for (word, change) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashed_as_e2fsprogs_does() {
        // What debugfs's dx_hash says of them, without a seed and with one.
        const SEED: [u8; 16] = [
            0x0d, 0x1b, 0x2c, 0x3a, 0, 0, 0x40, 0, 0x80, 0, 1, 0x23, 0x45, 0x67, 0x89, 0xab,
        ];
        let long = "a-name-as-long-as-can-be-and-longer-than-32-bytes";
        for (name, plain, seeded) in [
            ("hostname", 0xa205_0766, 0x2074_0c2c),
            (long, 0x832c_c552, 0xea4b_3956),
            ("gr\u{fc}\u{df}e", 0xd75e_0ad8, 0xc39e_e152),
        ] {
            let hash = |seed: &[u8]| NameHash::new(HALF_MD4, seed, false).unwrap().of(name.as_bytes());
            assert_eq!((hash(&[0; 16]), hash(&SEED)), (plain, seeded), "{name}");
        }
        assert!(NameHash::new(2, &SEED, false).is_none());
    }
}
