//! Sizes in bytes.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, such as an image's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(u64);

/// A text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidByteSize {
    /// The text is neither a number nor a number with a unit.
    #[error("{0:?} is not a size: a number of GiB, or a number with one of the units B, KiB, MiB, GiB, TiB")]
    NotASize(String),
    /// The size does not fit into 63 bits.
    #[error("{0:?} is more than a file can hold")]
    TooLarge(String),
}

const UNITS: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];
/// Digits after the point that count; more cannot matter, and so many cannot overflow.
const FRACTION_DIGITS: usize = 12;

impl ByteSize {
    /// Returns a size of so many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns a size of so many KiB, or the largest size there is.
    #[must_use]
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// Returns a size of so many MiB, or the largest size there is.
    #[must_use]
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Returns the size rounded up to a multiple of `unit`.
    #[must_use]
    pub const fn rounded_up_to(self, unit: Self) -> Self {
        Self(self.0.div_ceil(unit.0).saturating_mul(unit.0))
    }
}

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    /// Parses a number, fractional if need be, with a unit or without.
    ///
    /// Without a unit it counts GiB and is cut to whole KiB, as upstream's `--image-size` does.
    fn from_str(text: &str) -> Result<Self, InvalidByteSize> {
        let not_a_size = || InvalidByteSize::NotASize(text.to_owned());
        let trimmed = text.trim();
        let named = UNITS
            .iter()
            .find_map(|(name, unit)| Some((trimmed.strip_suffix(name)?, *unit)));
        let (number, unit, granule) =
            named.map_or((trimmed, 1 << 30, 1 << 10), |(number, unit)| (number, unit, 1));
        let (whole, fraction) = number
            .trim_end()
            .split_once('.')
            .unwrap_or((number.trim_end(), ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
            return Err(not_a_size());
        }
        let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS)];
        let too_large = || InvalidByteSize::TooLarge(text.to_owned());
        let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| too_large())?;
        let scale = fraction.chars().fold(1_u128, |scale, _| scale * 10);
        let bytes = digits.checked_mul(u128::from(unit)).ok_or_else(too_large)? / scale;
        let bytes = i64::try_from(bytes).map_err(|_| too_large())?.unsigned_abs();
        Ok(Self(bytes / granule * granule))
    }
}

impl fmt::Display for ByteSize {
    /// Writes the size exactly, in the largest unit of which it is a multiple.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = UNITS
            .into_iter()
            .find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit))
            .unwrap_or(("B", 1));
        write!(formatter, "{}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, bytes: u64, written: &str) {
        let size: ByteSize = text.parse().unwrap();
        assert_eq!(size.bytes(), bytes, "{text}");
        assert_eq!(size.to_string(), written, "{text}");
        assert_eq!(written.parse::<ByteSize>().unwrap(), size, "{text}");
    }

    #[test]
    fn parses_and_writes() {
        check("10", 10 << 30, "10GiB");
        check("1.5", 3 << 29, "1536MiB");
        check(".5", 1 << 29, "512MiB");
        check("5.", 5 << 30, "5GiB");
        check("0.1", 104_857 << 10, "104857KiB");
        check("64KiB", 65_536, "64KiB");
        check("2.5 MiB", 2_621_440, "2560KiB");
        check("513B", 513, "513B");
        check("1TiB", 1 << 40, "1TiB");
        check("0", 0, "0B");
    }

    #[test]
    fn refuses_what_is_not_a_size() {
        for text in ["", ".", "-1", "1e3", "ten", "1GB", "1.2.3", "GiB"] {
            assert_eq!(
                text.parse::<ByteSize>(),
                Err(InvalidByteSize::NotASize(text.into())),
                "{text}"
            );
        }
        let huge = "99999999999999999999999999999999999999999";
        assert_eq!(
            huge.parse::<ByteSize>(),
            Err(InvalidByteSize::TooLarge(huge.into()))
        );
        assert_eq!(
            "9000000TiB".parse::<ByteSize>(),
            Err(InvalidByteSize::TooLarge("9000000TiB".into()))
        );
    }

    #[test]
    fn rounds_up() {
        let unit = ByteSize::from_kib(64);
        assert_eq!(ByteSize::from_bytes(1).rounded_up_to(unit), unit);
        assert_eq!(unit.rounded_up_to(unit), unit);
        assert_eq!(ByteSize::from_bytes(0).rounded_up_to(unit).bytes(), 0);
    }
}
