//! Names in the order of the versions in them, as `ls -v` of the GNU coreutils has it.

use std::cmp::Ordering;

/// Compares two names, numbers in them by their values. Source: "Version sort ordering rules" of the coreutils' manual.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    compare_whole(without_suffix(one), without_suffix(other))
        .then_with(|| compare_whole(one, other))
        .then_with(|| one.cmp(other))
}

/// Returns a name without what looks like endings of a file: dots, each with a word that begins with a letter.
fn without_suffix(name: &str) -> &str {
    let mut rest = name;
    while let Some((before, ending)) = rest.rsplit_once('.') {
        let is_ending = ending.starts_with(|first: char| first.is_ascii_alphabetic() || first == '~')
            && ending
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '~');
        if before.is_empty() || !is_ending {
            break;
        }
        rest = before;
    }
    rest
}

fn compare_whole(mut one: &str, mut other: &str) -> Ordering {
    let is_digit = |character: char| character.is_ascii_digit();
    loop {
        let (text, number, rest) = leading(one);
        let (other_text, other_number, other_rest) = leading(other);
        let by_text = text
            .chars()
            .map(rank)
            .chain([Rank::End])
            .cmp(other_text.chars().map(rank).chain([Rank::End]));
        let (number, other_number) = (
            number.trim_start_matches('0'),
            other_number.trim_start_matches('0'),
        );
        let by_number = number
            .len()
            .cmp(&other_number.len())
            .then_with(|| number.cmp(other_number));
        let order = by_text.then(by_number);
        if order != Ordering::Equal || !(one.contains(is_digit) || other.contains(is_digit)) {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
}

/// Splits off the text that a name begins with, and the number after it.
fn leading(name: &str) -> (&str, &str, &str) {
    let (text, rest) = name.split_at(
        name.find(|character: char| character.is_ascii_digit())
            .unwrap_or(name.len()),
    );
    let end = rest
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(rest.len());
    (text, &rest[..end], &rest[end..])
}

/// Where a character stands in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Tilde,
    End,
    Letter(char),
    Other(char),
}

fn rank(character: char) -> Rank {
    match character {
        '~' => Rank::Tilde,
        letter if letter.is_ascii_alphabetic() => Rank::Letter(letter),
        other => Rank::Other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What `ls -v` prints.
    #[test]
    fn names_are_in_the_order_of_their_versions() {
        let expected = [
            "initrd.img",
            "initrd.img-6.1.0-9-amd64",
            "initrd.img-6.1.0-10-amd64",
            "vmlinuz",
            "vmlinuz.old",
            "vmlinuz-5.15.0-9-generic",
            "vmlinuz-5.15.0-100-generic",
            "vmlinuz-5.15.0-100-generic.efi.signed",
            "vmlinuz-6.1.0-010-amd64",
            "vmlinuz-6.1.0-10-amd64",
        ];
        let mut names = expected;
        names.reverse();
        names.sort_by(|one, other| compare(one, other));
        assert_eq!(names, expected);
    }
}
