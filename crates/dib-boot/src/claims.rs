//! How a disk claims to boot, read from its partition table.

use crate::machine::Firmware;

/// How much of a disk's beginning is looked at, in bytes.
pub const LOOKED_AT: usize = 1 << 20;

/// The boot code's bytes in the first sector; what follows are the disk's identity and its partitions.
const BOOT_CODE: usize = 440;
const SIGNATURE: usize = 510;
const PARTITIONS: usize = 446;
const PARTITION: usize = 16;
/// Types of MBR partitions. Source: UEFI Specification 2.10, 5.2.
const PROTECTIVE: u8 = 0xee;
const EFI_SYSTEM: u8 = 0xef;
/// Types of GPT partitions as they stand on the disk. Sources: UEFI Specification 2.10, 5.3.3; GRUB's manual, "BIOS installation".
const EFI_SYSTEM_PARTITION: [u8; 16] = [
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
];
const BIOS_BOOT_PARTITION: [u8; 16] = *b"Hah!IdontNeedEFI";

/// How a disk claims to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootClaims {
    /// It has boot code for a BIOS, or the partition that GRUB for a BIOS lives in.
    pub bios: bool,
    /// It has an EFI system partition.
    pub uefi: bool,
    /// The size of its sectors in bytes, as its partition table counts them.
    pub sector_size: u32,
}

impl BootClaims {
    /// Reads the claims from a disk's first bytes, [`LOOKED_AT`] of them or as many as it has.
    ///
    /// A disk without a boot signature or without boot code and partitions to boot from claims nothing.
    #[must_use]
    pub fn of_disk(beginning: &[u8]) -> Self {
        let mut claims = Self {
            bios: false,
            uefi: false,
            sector_size: 512,
        };
        let Some(first) = beginning.get(..512) else {
            return claims;
        };
        if first[SIGNATURE..] != [0x55, 0xaa] {
            return claims;
        }
        let types: Vec<u8> = first[PARTITIONS..SIGNATURE]
            .chunks_exact(PARTITION)
            .map(|partition| partition[4])
            .collect();
        if types.contains(&PROTECTIVE)
            && let Some(sector_size) = [512, 4096].into_iter().find(|size| {
                beginning
                    .get(*size..)
                    .is_some_and(|rest| rest.starts_with(b"EFI PART"))
            })
        {
            let partitions = gpt_types(beginning, sector_size);
            claims.sector_size = if sector_size == 4096 { 4096 } else { 512 };
            // The BIOS reads sectors of 512 bytes alone, whatever partitions there are.
            claims.bios = sector_size == 512 && partitions.contains(&BIOS_BOOT_PARTITION);
            claims.uefi = partitions.contains(&EFI_SYSTEM_PARTITION);
        } else {
            claims.bios = first[..BOOT_CODE].iter().any(|byte| *byte != 0);
            claims.uefi = types.contains(&EFI_SYSTEM);
        }
        claims
    }

    /// Returns the firmware that the disk claims to boot under.
    #[must_use]
    pub fn firmware(&self) -> Vec<Firmware> {
        let both = [(self.bios, Firmware::Bios), (self.uefi, Firmware::Uefi)];
        both.into_iter()
            .filter_map(|(claimed, firmware)| claimed.then_some(firmware))
            .collect()
    }
}

/// Returns the types of a GPT's partitions, as far as they lie within `beginning`.
fn gpt_types(beginning: &[u8], sector_size: usize) -> Vec<[u8; 16]> {
    let header = &beginning[sector_size..];
    let number = |offset: usize, length: usize| {
        let bytes = header.get(offset..offset + length)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).ok()
    };
    let (Some(first_sector), Some(count), Some(size)) = (number(72, 8), number(80, 4), number(84, 4)) else {
        return Vec::new();
    };
    let Some(entries) = first_sector
        .checked_mul(sector_size)
        .and_then(|offset| beginning.get(offset..))
    else {
        return Vec::new();
    };
    if size < 128 {
        return Vec::new();
    }
    entries
        .chunks_exact(size)
        .take(count)
        .filter_map(|entry| entry.first_chunk().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mbr(code: bool, types: &[u8]) -> Vec<u8> {
        let mut disk = vec![0; 64 * 1024];
        if code {
            disk[..2].copy_from_slice(&[0xeb, 0x63]);
        }
        for (number, kind) in types.iter().enumerate() {
            disk[PARTITIONS + PARTITION * number + 4] = *kind;
        }
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        disk
    }

    fn gpt(sector_size: usize, types: &[[u8; 16]]) -> Vec<u8> {
        let mut disk = mbr(true, &[PROTECTIVE]);
        let header = &mut disk[sector_size..];
        header[..8].copy_from_slice(b"EFI PART");
        header[72] = 2;
        header[80] = 128;
        header[84] = 128;
        for (number, kind) in types.iter().enumerate() {
            let offset = 2 * sector_size + 128 * number;
            disk[offset..offset + 16].copy_from_slice(kind);
        }
        disk
    }

    #[test]
    fn claims_of_tables() {
        let linux = *b"0123456789abcdef";
        let mut unsigned = mbr(true, &[0x83]);
        unsigned[511] = 0;
        for (disk, bios, uefi, sector_size) in [
            (mbr(true, &[0x83]), true, false, 512),
            (mbr(false, &[0x83]), false, false, 512),
            (mbr(false, &[EFI_SYSTEM, 0x83]), false, true, 512),
            (mbr(true, &[EFI_SYSTEM, 0x83]), true, true, 512),
            (mbr(true, &[]), true, false, 512),
            (unsigned, false, false, 512),
            (gpt(512, &[BIOS_BOOT_PARTITION, linux]), true, false, 512),
            (gpt(512, &[EFI_SYSTEM_PARTITION, linux]), false, true, 512),
            (
                gpt(512, &[EFI_SYSTEM_PARTITION, BIOS_BOOT_PARTITION, linux]),
                true,
                true,
                512,
            ),
            (gpt(512, &[linux]), false, false, 512),
            (
                gpt(4096, &[EFI_SYSTEM_PARTITION, BIOS_BOOT_PARTITION]),
                false,
                true,
                4096,
            ),
            (vec![0; 4096], false, false, 512),
            (vec![0; 100], false, false, 512),
        ] {
            let expected = BootClaims {
                bios,
                uefi,
                sector_size,
            };
            assert_eq!(BootClaims::of_disk(&disk), expected);
        }
    }

    #[test]
    fn a_tables_nonsense_is_no_claim() {
        let mut far = gpt(512, &[EFI_SYSTEM_PARTITION]);
        far[512 + 72..512 + 80].fill(0xff);
        assert!(BootClaims::of_disk(&far).firmware().is_empty());
        let mut narrow = gpt(512, &[EFI_SYSTEM_PARTITION]);
        narrow[512 + 84] = 0;
        assert!(BootClaims::of_disk(&narrow).firmware().is_empty());
        let short = &gpt(512, &[])[..560];
        assert!(BootClaims::of_disk(short).firmware().is_empty());
    }
}
