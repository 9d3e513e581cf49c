//! The order of Debian versions, as deb-version(7) defines it.

use std::cmp::Ordering;

/// Compares two versions: `[epoch:]upstream[-revision]`.
///
/// Any text has a place in the order, so that a comparison can't fail; an epoch that is no number is none.
///
/// ```
/// use std::cmp::Ordering;
/// assert_eq!(dib_deb::version::compare("1.0~rc1-1", "1.0-1"), Ordering::Less);
/// assert_eq!(dib_deb::version::compare("1:0.9", "1.10"), Ordering::Greater);
/// ```
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left) = split_epoch(left);
    let (right_epoch, right) = split_epoch(right);
    let (left_upstream, left_revision) = split_revision(left);
    let (right_upstream, right_revision) = split_revision(right);
    compare_numbers(left_epoch, right_epoch)
        .then_with(|| compare_parts(left_upstream, right_upstream))
        .then_with(|| compare_parts(left_revision, right_revision))
}

fn split_epoch(version: &str) -> (&[u8], &str) {
    match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch.as_bytes(), rest),
        _ => (b"", version),
    }
}

fn split_revision(version: &str) -> (&[u8], &[u8]) {
    version
        .rsplit_once('-')
        .map_or((version.as_bytes(), b"".as_slice()), |(upstream, revision)| {
            (upstream.as_bytes(), revision.as_bytes())
        })
}

/// Compares by turns what is no digits, character by character, and digits as numbers.
fn compare_parts(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = split_where(left, u8::is_ascii_digit);
        let (right_text, right_rest) = split_where(right, u8::is_ascii_digit);
        let (left_number, left_rest) = split_where(left_rest, |byte| !byte.is_ascii_digit());
        let (right_number, right_rest) = split_where(right_rest, |byte| !byte.is_ascii_digit());
        let order =
            compare_texts(left_text, right_text).then_with(|| compare_numbers(left_number, right_number));
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

fn split_where(bytes: &[u8], is_end: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(is_end).unwrap_or(bytes.len()))
}

/// A tilde is less than an end, an end less than a letter, a letter less than anything else.
fn compare_texts(left: &[u8], right: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..left.len().max(right.len()))
        .map(|index| rank(left.get(index)).cmp(&rank(right.get(index))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares digits of any length; none are zero.
fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let significant = |digits| split_where(digits, |digit| *digit != b'0').1;
    let (left, right) = (significant(left), significant(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_in_order() {
        // Each is less than the next one.
        for ascending in [
            &["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0a", "1.0+", "1.0.1"][..],
            &["0:99", "1:0.1", "2:0.1", "10:0"],
            &["1", "1-1", "1-1.1", "1-2~bpo1", "1-2", "1-10", "1.0-1"],
            &["2.36-9+deb12u9", "2.36-9+deb12u10"],
            &["7.6-0", "7.6p2-4"],
            &["1.0-1", "1.0.3-3"],
            &["6.1.137-1", "6.1.0137-2", "6.1.1370-1"],
            &["a", "b", "+"],
            &[
                "99999999999999999998",
                "99999999999999999999",
                "100000000000000000000",
            ],
        ] {
            for pair in ascending.windows(2) {
                assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
                assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
            }
        }
    }

    #[test]
    fn equal_versions() {
        for (left, right) in [
            ("1.0", "1.0"),
            ("0:1", "1"),
            ("1", "1-0"),
            ("1.00", "1.0"),
            ("001", "1"),
            ("", "0"),
        ] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left:?} {right:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_an_order(versions in prop::collection::vec("([0-9]:)?[0-9a~+.-]{0,8}", 3)) {
            let [a, b, c] = [&versions[0], &versions[1], &versions[2]];
            prop_assert_eq!(compare(a, a), Ordering::Equal);
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            if compare(a, b).is_le() && compare(b, c).is_le() {
                prop_assert!(compare(a, c).is_le());
            }
        }

        #[test]
        fn a_tilde_comes_before_and_a_letter_after(version in "[0-9]{1,4}(\\.[0-9]{1,4}){0,2}") {
            let [before, after] = ["~x", "x"].map(|end| format!("{version}{end}"));
            prop_assert_eq!(compare(&before, &version), Ordering::Less);
            prop_assert_eq!(compare(&after, &version), Ordering::Greater);
        }

        #[test]
        fn any_text_is_taken(left: String, right: String) {
            prop_assert_eq!(compare(&left, &right), compare(&right, &left).reverse());
        }
    }
}
