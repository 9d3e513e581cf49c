//! How sizes are written in a disk's layout.

use std::fmt;
use std::str::FromStr;

/// A partition's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionSize {
    /// So many bytes.
    Bytes(u64),
    /// So many millionths of one per cent of what the partitions before it have left.
    Share(u64),
}

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPartitionSize {
    /// It can't be read.
    #[error(
        "{0:?} is not a size: a number with one of the units B, K, M, G, T, KB … TB, KiB … TiB, or with %"
    )]
    NotASize(String),
    /// It is more than a disk can have.
    #[error("the size {0:?} is more than any disk has")]
    TooLarge(String),
    /// It is nothing.
    #[error("the size {0:?} is nothing")]
    Nothing(String),
    /// It is more than all.
    #[error("the size {0:?} is more than all there is")]
    MoreThanAll(String),
    /// It is a share where only a number of bytes makes sense.
    #[error("{0:?} is a share, but of nothing")]
    Share(String),
}

/// Units as upstream knows them: powers of 1000 unless there is an `i`.
const UNITS: [(&str, u64); 14] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("K", 1000),
    ("B", 1),
    ("", 1),
];

/// How many shares make one per cent.
const SHARES_PER_CENT: u64 = 1_000_000;
/// All there is.
const ALL: u64 = 100 * SHARES_PER_CENT;

impl PartitionSize {
    /// Returns whether it takes all there is.
    pub(crate) fn is_all(self) -> bool {
        self == Self::Share(ALL)
    }

    /// Returns the number of bytes, where `free` bytes are left.
    pub(crate) fn bytes_of(self, free: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Share(share) => {
                let bytes = u128::from(free) * u128::from(share) / u128::from(ALL);
                u64::try_from(bytes).expect("a share of a number is no more than the number")
            }
        }
    }

    /// Reads a size that must be a number of bytes.
    pub(super) fn parse_bytes(text: &str) -> Result<u64, InvalidPartitionSize> {
        match text.parse()? {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Share(_) => Err(InvalidPartitionSize::Share(text.to_owned())),
        }
    }
}

impl FromStr for PartitionSize {
    type Err = InvalidPartitionSize;

    /// Reads a size as upstream does: `8MiB`, `40G`, `1.5 GiB`, `8388608`, `55%`.
    fn from_str(text: &str) -> Result<Self, InvalidPartitionSize> {
        let not_a_size = || InvalidPartitionSize::NotASize(text.to_owned());
        let end = text
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let is_share = unit == "%";
        let factor = if is_share {
            SHARES_PER_CENT
        } else {
            let (_, factor) = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(not_a_size)?;
            *factor
        };
        let amount = multiplied(number, factor).ok_or_else(not_a_size)?;
        let amount = u64::try_from(amount)
            .ok()
            .filter(|amount| *amount <= i64::MAX.unsigned_abs())
            .ok_or_else(|| InvalidPartitionSize::TooLarge(text.to_owned()))?;
        match amount {
            0 => Err(InvalidPartitionSize::Nothing(text.to_owned())),
            more if is_share && more > ALL => Err(InvalidPartitionSize::MoreThanAll(text.to_owned())),
            share if is_share => Ok(Self::Share(share)),
            bytes => Ok(Self::Bytes(bytes)),
        }
    }
}

/// Returns a decimal number times `factor`, cut to a whole number, or `None` when it is no number or a huge one.
fn multiplied(number: &str, factor: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) || whole.len() > 20 {
        return None;
    }
    // More digits can't matter, and so many can't overflow.
    let fraction = &fraction[..fraction.len().min(12)];
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = fraction.bytes().fold(1_u128, |scale, _| scale * 10);
    Some(digits.saturating_mul(u128::from(factor)) / scale)
}

impl fmt::Display for PartitionSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => crate::ByteSize::from_bytes(*bytes).fmt(formatter),
            Self::Share(share) if share % SHARES_PER_CENT == 0 => {
                write!(formatter, "{}%", share / SHARES_PER_CENT)
            }
            Self::Share(share) => {
                let fraction = format!("{:06}", share % SHARES_PER_CENT);
                let fraction = fraction.trim_end_matches('0');
                write!(formatter, "{}.{fraction}%", share / SHARES_PER_CENT)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: PartitionSize, written: &str) {
        let size: PartitionSize = text.parse().unwrap();
        assert_eq!(
            (size, size.to_string().as_str()),
            (expected, written),
            "for {text}"
        );
    }

    #[test]
    fn sizes_are_read_as_upstream_does() {
        check("8MiB", PartitionSize::Bytes(8 << 20), "8MiB");
        check("40G", PartitionSize::Bytes(40_000_000_000), "39062500KiB");
        check("1.5 GiB", PartitionSize::Bytes(3 << 29), "1536MiB");
        check("8388608", PartitionSize::Bytes(8 << 20), "8MiB");
        check("1 KB", PartitionSize::Bytes(1000), "1000B");
        check("100%", PartitionSize::Share(100_000_000), "100%");
        check("33.25%", PartitionSize::Share(33_250_000), "33.25%");
    }

    #[test]
    fn shares_are_of_what_is_left() {
        let share = |text: &str, free| text.parse::<PartitionSize>().unwrap().bytes_of(free);
        assert_eq!(share("100%", u64::MAX), u64::MAX);
        assert_eq!(share("55%", 1000), 550);
        assert_eq!(share("0.5%", 1000), 5);
        assert_eq!(share("7B", 1000), 7);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        type Fault = fn(String) -> InvalidPartitionSize;
        let cases: [(&[&str], Fault); 4] = [
            (
                &["", "%", "MiB", "1kb", "1..2M", "-1", "1  GiB", "ten", "1MiB "],
                InvalidPartitionSize::NotASize,
            ),
            (&["0", "0%", "0.0000000001%"], InvalidPartitionSize::Nothing),
            (&["100.1%", "200%"], InvalidPartitionSize::MoreThanAll),
            (
                &["10000000TiB", "99999999999999999999"],
                InvalidPartitionSize::TooLarge,
            ),
        ];
        for (texts, fault) in cases {
            for text in texts {
                assert_eq!(
                    text.parse::<PartitionSize>(),
                    Err(fault((*text).to_owned())),
                    "for {text}"
                );
            }
        }
    }
}
