//! CRC-32C, by which ext4 finds out that its metadata has changed on its own.

/// What a byte does to a checksum that has still so many bytes to come: table 0 for the last one.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut index = 0;
    while index < 256 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the index of a table of 256, in a constant"
        )]
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ 0x82f6_3b78
            } else {
                value >> 1
            };
            bit += 1;
        }
        tables[0][index] = value;
        index += 1;
    }
    let mut number = 1;
    while number < 8 {
        let mut index = 0;
        while index < 256 {
            let shorter: u32 = tables[number - 1][index];
            tables[number][index] = shorter >> 8 ^ tables[0][(shorter & 0xff) as usize];
            index += 1;
        }
        number += 1;
    }
    tables
}

/// Continues a CRC-32C, without the inversions at its begin and end.
pub(super) fn crc32c(checksum: u32, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let checksum = eights.iter().fold(checksum, |checksum, eight| {
        let [a, b, c, d] = checksum.to_le_bytes();
        let mixed = [
            eight[0] ^ a,
            eight[1] ^ b,
            eight[2] ^ c,
            eight[3] ^ d,
            eight[4],
            eight[5],
            eight[6],
            eight[7],
        ];
        let tables = TABLES.iter().rev();
        tables
            .zip(mixed)
            .fold(0, |sum, (table, byte)| sum ^ table[usize::from(byte)])
    });
    rest.iter().fold(checksum, |checksum, byte| {
        let [low, ..] = checksum.to_le_bytes();
        checksum >> 8 ^ TABLES[0][usize::from(low ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, appendix B.4.
        assert_eq!(!crc32c(!0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(!crc32c(!0, &[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(!crc32c(!0, &ascending), 0x46dd_794e);
        assert_eq!(
            crc32c(crc32c(!0, &ascending[..5]), &ascending[5..]),
            crc32c(!0, &ascending)
        );
    }
}
