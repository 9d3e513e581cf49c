//! Ages and sizes as people write them.

use std::time::Duration;

use dib_image::{ByteSize, InvalidByteSize};

/// The units of ages, in hours.
const AGE_UNITS: [(&str, u64); 3] = [("h", 1), ("d", 24), ("w", 7 * 24)];

/// A text that is no age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no age: a number with one of the units h, d and w is expected")]
pub(crate) struct InvalidAge(String);

/// Reads an age: a whole number of hours, days or weeks.
///
/// # Errors
/// When it is none, or more than there is time.
pub(crate) fn age_from(text: &str) -> Result<Duration, InvalidAge> {
    let hours = AGE_UNITS.into_iter().find_map(|(unit, hours)| {
        let number = text.strip_suffix(unit)?.trim();
        number.parse::<u64>().ok()?.checked_mul(hours)
    });
    hours
        .and_then(|hours| hours.checked_mul(3600))
        .map(Duration::from_secs)
        .ok_or_else(|| InvalidAge(text.to_owned()))
}

/// Reads a size in bytes: as images have it, or with one letter for its unit, as other programs do (`10G`).
///
/// # Errors
/// When it is none.
pub(crate) fn size_from(text: &str) -> Result<u64, InvalidByteSize> {
    let written_out = match text.strip_suffix(['K', 'M', 'G', 'T']) {
        Some(_) => format!("{text}iB"),
        None => text.to_owned(),
    };
    written_out.parse().map(ByteSize::bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ages() {
        let check = |text, expected: Option<u64>| {
            assert_eq!(age_from(text).ok().map(|age| age.as_secs()), expected, "{text}");
        };
        check("30d", Some(30 * 24 * 3600));
        check("2 w", Some(14 * 24 * 3600));
        check("12h", Some(12 * 3600));
        for text in [
            "",
            "d",
            "30",
            "-1d",
            "1.5d",
            "30 days",
            "99999999999999999999d",
            "9999999999999999999d",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn reads_sizes() {
        assert_eq!(size_from("10G"), Ok(10 << 30));
        assert_eq!(size_from("10GiB"), Ok(10 << 30));
        assert_eq!(size_from("1.5"), Ok(3 << 29));
        assert!(size_from("much").is_err());
    }
}
