//! Identifiers of disks, partitions and file systems.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A UUID, written `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uuid([u8; 16]);

/// A text that is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a UUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)")]
pub struct InvalidUuid(pub String);

impl Uuid {
    /// Returns a UUID of these bytes, in the order in which they are written.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes, in the order in which they are written.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// Returns its bytes as a GPT holds them: the first three groups with their lowest byte first.
    ///
    /// Source: UEFI specification 2.10, appendix A.
    pub(crate) fn gpt_bytes(self) -> [u8; 16] {
        let mut bytes = self.0;
        for group in [0..4, 4..6, 6..8] {
            bytes[group].reverse();
        }
        bytes
    }

    /// Makes a UUID of any bytes: one of version 8, which leaves the others to whoever makes it.
    ///
    /// Source: RFC 9562, sections 4.1 and 5.8.
    fn of(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }
}

impl FromStr for Uuid {
    type Err = InvalidUuid;

    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        let invalid = || InvalidUuid(text.to_owned());
        let groups: Vec<&str> = text.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return Err(invalid());
        }
        let digits = groups.concat();
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let number = u128::from_str_radix(&digits, 16).map_err(|_| invalid())?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", u128::from_be_bytes(self.0));
        let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| &digits[group]);
        formatter.write_str(&groups.join("-"))
    }
}

/// What identifies a file system, written as `blkid` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileSystemIdentifier {
    /// A UUID, as nearly all have.
    Uuid(Uuid),
    /// The serial number of a FAT, written `XXXX-XXXX`.
    VolumeId(u32),
}

impl fmt::Display for FileSystemIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.fmt(formatter),
            Self::VolumeId(id) => write!(formatter, "{:04X}-{:04X}", id >> 16, id & 0xffff),
        }
    }
}

/// Reads the serial number of a FAT, written `XXXX-XXXX`.
pub(crate) fn parse_volume_id(text: &str) -> Option<u32> {
    let (high, low) = text.split_once('-')?;
    let is_hexadecimal = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hexadecimal(high) || !is_hexadecimal(low) {
        return None;
    }
    u32::from_str_radix(&format!("{high}{low}"), 16).ok()
}

/// Where identifiers come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identifiers {
    /// From chance.
    Random,
    /// From what they identify and a number, so that they are the same each time.
    Derived(u64),
}

impl Identifiers {
    /// Returns an identifier of what `subject` names.
    ///
    /// # Errors
    /// When the kernel has no random bytes.
    pub(crate) fn uuid(self, subject: &str) -> Result<Uuid, getrandom::Error> {
        self.bytes(subject).map(Uuid::of)
    }

    /// Returns an identifier that has room for 32 bits, and is never 0.
    ///
    /// # Errors
    /// When the kernel has no random bytes.
    pub(crate) fn number(self, subject: &str) -> Result<u32, getrandom::Error> {
        let [a, b, c, d, ..] = self.bytes(subject)?;
        Ok(u32::from_be_bytes([a, b, c, d]).max(1))
    }

    fn bytes(self, subject: &str) -> Result<[u8; 16], getrandom::Error> {
        let mut bytes = [0; 16];
        match self {
            Self::Random => getrandom::fill(&mut bytes)?,
            Self::Derived(seed) => {
                let digest = Sha256::new()
                    .chain_update(b"dib disk identifier\0")
                    .chain_update(seed.to_be_bytes())
                    .chain_update(subject.as_bytes())
                    .finalize();
                bytes.copy_from_slice(&digest[..16]);
            }
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_five_groups_of_hexadecimal_digits() {
        let uuid: Uuid = "0D1B2C3A-0102-4304-8506-0123456789ab".parse().unwrap();
        assert_eq!(uuid.to_string(), "0d1b2c3a-0102-4304-8506-0123456789ab");
        assert_eq!(
            uuid.gpt_bytes()[..8],
            [0x3a, 0x2c, 0x1b, 0x0d, 0x02, 0x01, 0x04, 0x43]
        );
        assert_eq!(uuid.gpt_bytes()[8..], uuid.bytes()[8..]);
        for text in [
            "",
            "random",
            "0d1b2c3a00004000800001234567890ab",
            "gd1b2c3a-0000-4000-8000-0123456789ab",
            "+d1b2c3a-0000-4000-8000-0123456789ab",
        ] {
            assert_eq!(text.parse::<Uuid>(), Err(InvalidUuid(text.into())));
        }
    }

    #[test]
    fn a_volume_id_is_written_as_blkid_does() {
        assert_eq!(parse_volume_id("0a1B-00ff"), Some(0x0a1b_00ff));
        assert_eq!(
            FileSystemIdentifier::VolumeId(0x0a1b_00ff).to_string(),
            "0A1B-00FF"
        );
        for text in ["", "0a1b00ff", "0a1b-00f", "+a1b-00ff"] {
            assert_eq!(parse_volume_id(text), None, "for {text}");
        }
    }

    #[test]
    fn derived_identifiers_depend_on_seed_and_subject_alone() {
        let derived = |seed, subject| Identifiers::Derived(seed).uuid(subject).unwrap();
        assert_eq!(derived(1, "root"), derived(1, "root"));
        assert_ne!(derived(1, "root"), derived(2, "root"));
        assert_ne!(derived(1, "root"), derived(1, "boot"));
        let random = || Identifiers::Random.uuid("root").unwrap();
        assert_ne!(random(), random());
        assert_eq!(random().to_string().as_bytes()[14], b'8');
    }
}
