//! What a partition is for, as its table says it.

use crate::block_device::TableKind;
use crate::identifier::Uuid;

/// A partition's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionType {
    /// The byte of an MBR.
    Mbr(u8),
    /// The GUID of a GPT.
    Gpt(Uuid),
}

/// A text that is no type of partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownPartitionType {
    /// It is no byte.
    #[error("{0:?} is no type for an mbr, which has one of 01 to ff, such as 83")]
    Mbr(String),
    /// It is one by which a table is found in a partition's place.
    #[error(
        "the type {0:?} is that of a table, not of a partition: what is not primary gets its extended partition by itself"
    )]
    Table(String),
    /// It is neither a GUID nor a code of sgdisk's.
    #[error(
        "{text:?} is no type for a gpt: neither a GUID nor one of the codes {}",
        codes()
    )]
    Gpt {
        /// The text.
        text: String,
    },
}

const fn guid(number: u128) -> Uuid {
    Uuid::from_bytes(number.to_be_bytes())
}

/// The types of an MBR's partitions that are tables: three of extended ones, and the one that says that there is a GPT.
const TABLES: [&str; 4] = ["5", "f", "85", "ee"];
/// Of a BIOS boot partition, which holds GRUB's core image.
pub(crate) const BIOS_BOOT: Uuid = guid(0x2168_6148_6449_6e6f_744e_6565_6445_4649);
/// Of what UEFI boots from.
const EFI_SYSTEM: Uuid = guid(0xc12a_7328_f81f_11d2_ba4b_00a0_c93e_c93b);
/// Of what holds any file system of Linux.
const LINUX: Uuid = guid(0x0fc6_3daf_8483_4772_8e79_3d69_d847_7de4);

/// sgdisk's codes of the types that images have use for.
///
/// Source: GPT fdisk 1.0.9, `parttypes.cc`; the GUIDs are also in UEFI's specification and the UAPI group's
/// "Discoverable Partitions Specification".
const CODES: [(&str, Uuid); 24] = [
    ("0700", guid(0xebd0_a0a2_b9e5_4433_87c0_68b6_b726_99c7)),
    ("4100", guid(0x9e1a_2d38_c612_4316_aa26_8b49_521e_5a8b)),
    ("8200", guid(0x0657_fd6d_a4ab_43c4_84e5_0933_c84b_4f4f)),
    ("8300", LINUX),
    ("8301", guid(0x8da6_3339_0007_60c0_c436_083a_c823_0908)),
    ("8302", guid(0x933a_c7e1_2eb4_4f13_b844_0e14_e2ae_f915)),
    ("8303", guid(0x4447_9540_f297_41b2_9af7_d131_d5f0_458a)),
    ("8304", guid(0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709)),
    ("8305", guid(0xb921_b045_1df0_41c3_af44_4c6f_280d_3fae)),
    ("8306", guid(0x3b8f_8425_20e0_4f3b_907f_1a25_a76f_98e8)),
    ("8307", guid(0x69da_d710_2ce4_4e3c_b16c_21a1_d49a_bed3)),
    ("8308", guid(0x7ffe_c5c9_2d00_49b7_8941_3ea1_0a55_86b7)),
    ("8309", guid(0xca7d_7ccb_63ed_4c53_861c_1742_5360_59cc)),
    ("830a", guid(0x993d_8d3d_f80e_4225_855a_9daf_8ed7_ea97)),
    ("8310", guid(0x4d21_b016_b534_45c2_a9fb_5c16_e091_fd2d)),
    ("8311", guid(0x7ec6_f557_3bc5_4aca_b293_16ef_5df6_39d1)),
    ("8312", guid(0x773f_91ef_66d4_49b5_bd83_d683_bf40_ad16)),
    ("8e00", guid(0xe6d6_d379_f507_44c2_a23c_238f_2a3d_f928)),
    ("a500", guid(0x516e_7cb4_6ecf_11d6_8ff8_0002_2d09_712b)),
    ("ea00", guid(0xbc13_c2ff_59e6_4262_a352_b275_fd6f_7172)),
    ("ef00", EFI_SYSTEM),
    ("ef01", guid(0x024d_ee41_33e7_11d3_9d69_0008_c781_f39f)),
    ("ef02", BIOS_BOOT),
    ("fd00", guid(0xa19d_880f_05fc_4d3b_a006_743f_0f84_911e)),
];

fn codes() -> String {
    let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    codes.join(", ")
}

impl PartitionType {
    /// Returns the type of a partition that holds any file system of Linux.
    pub(crate) const fn linux(table: TableKind) -> Self {
        match table {
            TableKind::Mbr => Self::Mbr(0x83),
            TableKind::Gpt => Self::Gpt(LINUX),
        }
    }

    /// Returns the byte of an MBR's type.
    pub(crate) const fn mbr(self) -> Option<u8> {
        match self {
            Self::Mbr(kind) => Some(kind),
            Self::Gpt(_) => None,
        }
    }

    /// Returns the GUID of a GPT's type.
    pub(crate) const fn gpt(self) -> Option<Uuid> {
        match self {
            Self::Mbr(_) => None,
            Self::Gpt(kind) => Some(kind),
        }
    }

    /// Returns whether UEFI boots from a partition of the type.
    pub(crate) fn is_efi_system(self) -> bool {
        match self {
            Self::Mbr(kind) => kind == 0xef,
            Self::Gpt(kind) => kind == EFI_SYSTEM,
        }
    }

    /// Returns whether GRUB for a BIOS lives in a partition of the type.
    pub(crate) fn is_bios_boot(self) -> bool {
        self == Self::Gpt(BIOS_BOOT)
    }

    /// Reads a type as upstream does: hexadecimal digits for an MBR, a code of sgdisk's or a GUID for a GPT.
    pub(crate) fn parse(text: &str, table: TableKind) -> Result<Self, UnknownPartitionType> {
        let digits = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
        match table {
            TableKind::Mbr if TABLES.contains(&digits.trim_start_matches('0')) => {
                Err(UnknownPartitionType::Table(text.to_owned()))
            }
            TableKind::Mbr => u8::from_str_radix(&digits, 16)
                .ok()
                .filter(|kind| *kind != 0 && !digits.starts_with('+'))
                .map(Self::Mbr)
                .ok_or_else(|| UnknownPartitionType::Mbr(text.to_owned())),
            TableKind::Gpt => {
                let of_code = CODES
                    .iter()
                    .find(|(code, _)| *code == digits)
                    .map(|(_, guid)| *guid);
                of_code
                    .or_else(|| text.parse().ok())
                    .map(Self::Gpt)
                    .ok_or_else(|| UnknownPartitionType::Gpt {
                        text: text.to_owned(),
                    })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_upstream_does() {
        for (text, kind) in [("83", 0x83), ("0x41", 0x41), ("0xEF", 0xef), ("7", 7)] {
            assert_eq!(
                PartitionType::parse(text, TableKind::Mbr),
                Ok(PartitionType::Mbr(kind)),
                "{text}"
            );
        }
        for (text, guid) in [
            ("EF00", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
            ("ef02", "21686148-6449-6e6f-744e-656564454649"),
            ("0x4100", "9e1a2d38-c612-4316-aa26-8b49521e5a8b"),
            ("8300", "0fc63daf-8483-4772-8e79-3d69d8477de4"),
            ("8200", "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"),
            (
                "0D1B2C3A-0000-4000-8000-0123456789AB",
                "0d1b2c3a-0000-4000-8000-0123456789ab",
            ),
        ] {
            let expected = PartitionType::Gpt(guid.parse().unwrap());
            assert_eq!(PartitionType::parse(text, TableKind::Gpt), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_types() {
        for text in ["", "0", "00", "EF00", "linux", "+3"] {
            let error = UnknownPartitionType::Mbr(text.to_owned());
            assert_eq!(PartitionType::parse(text, TableKind::Mbr), Err(error), "{text}");
        }
        for text in ["5", "05", "0x0F", "85", "EE"] {
            let error = UnknownPartitionType::Table(text.to_owned());
            assert_eq!(PartitionType::parse(text, TableKind::Mbr), Err(error), "{text}");
        }
        for text in ["", "83", "linux", "0d1b2c3a"] {
            let error = UnknownPartitionType::Gpt {
                text: text.to_owned(),
            };
            assert_eq!(PartitionType::parse(text, TableKind::Gpt), Err(error), "{text}");
        }
    }
}
