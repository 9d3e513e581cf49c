//! Indexes that are written and read again, and those that make no sense.

use proptest::prelude::{any, prop, proptest};

use super::{decode, encode};
use crate::Damage;
use crate::entry::{Attributes, Entries, Entry, Extent, Kind};

fn entry(parent: u32, name: &[u8], kind: Kind) -> Entry {
    Entry {
        parent,
        name: name.to_vec(),
        kind,
        attributes: Attributes {
            uid: 1,
            gid: 2,
            mode: 0o4755,
            mtime: (-5, 999_999_999),
            extended: vec![(b"user.a".to_vec(), b"\0".to_vec())],
        },
    }
}

fn file(offset: u64, length: u64) -> Kind {
    Kind::File {
        size: 100,
        extents: vec![Extent { offset, length }],
    }
}

fn entries(others: Vec<Entry>) -> Entries {
    let mut entries = vec![entry(0, b"", Kind::Directory)];
    entries.extend(others);
    Entries(entries)
}

#[test]
fn all_kinds_come_back() {
    let entries = entries(vec![
        entry(0, b"file", file(10, 90)),
        entry(0, b"directory", Kind::Directory),
        entry(2, b"link", Kind::Symlink { text: b"/x".to_vec() }),
        entry(2, b"fifo", Kind::Fifo),
        entry(2, b"socket", Kind::Socket),
        entry(2, b"null", Kind::Character { major: 1, minor: 3 }),
        entry(2, b"disk", Kind::Block { major: 8, minor: 0 }),
        entry(2, b"again", Kind::HardLink { first: 1 }),
    ]);
    let index = decode(&encode(&entries, &[[7; 32]]), 90).expect("it makes sense");
    assert_eq!(index.entries, entries);
    assert_eq!(index.sums, [[7; 32]]);
    assert_eq!(index.chunks.len(), 1);
}

/// Asserts that an index with these entries below the root is refused.
fn check(others: Vec<Entry>) {
    let bytes = encode(&entries(others), &[[7; 32]]);
    assert!(matches!(decode(&bytes, 90), Err(Damage::Senseless(_))));
}

#[test]
fn what_would_lead_out_of_the_layer_is_refused() {
    for name in [&b".."[..], b".", b"", b"a/b", b"/etc", b"nul\0"] {
        check(vec![entry(0, name, file(10, 90))]);
    }
    check(vec![entry(1, b"in itself", file(10, 90))]);
    check(vec![entry(7, b"in nothing", file(10, 90))]);
    let link = entry(0, b"link", Kind::Symlink { text: b"/".to_vec() });
    check(vec![link, entry(1, b"through a link", file(10, 90))]);
    check(vec![
        entry(0, b"file", file(10, 90)),
        entry(0, b"to a directory", Kind::HardLink { first: 0 }),
    ]);
    check(vec![
        entry(0, b"file", file(10, 90)),
        entry(0, b"to nothing", Kind::HardLink { first: 9 }),
    ]);
}

#[test]
fn contents_outside_their_file_are_refused() {
    for (offset, length) in [(20, 90), (u64::MAX, 90), (10, 0)] {
        check(vec![entry(0, b"file", file(offset, length))]);
    }
    let twice = |offset| Extent { offset, length: 45 };
    check(vec![entry(
        0,
        b"overlapping",
        Kind::File {
            size: 100,
            extents: vec![twice(0), twice(44)],
        },
    )]);
    let huge = Kind::File {
        size: u64::MAX,
        extents: vec![Extent {
            offset: 0,
            length: u64::MAX,
        }],
    };
    check(vec![entry(0, b"huge", huge)]);
}

#[test]
fn a_wrong_number_of_sums_is_refused() {
    let entries = entries(vec![entry(0, b"file", file(10, 90))]);
    for sums in [&[][..], &[[7; 32]; 2]] {
        assert!(decode(&encode(&entries, sums), 90).is_err());
    }
    let mut bytes = encode(&entries, &[[7; 32]]);
    bytes.push(0);
    assert!(decode(&bytes, 90).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), length in any::<u64>()) {
        let _ = decode(&bytes, length);
    }

    #[test]
    fn no_changed_byte_makes_it_panic(position in any::<prop::sample::Index>(), value in any::<u8>()) {
        let entries = entries(vec![entry(0, b"file", file(10, 90)), entry(0, b"again", Kind::HardLink { first: 1 })]);
        let mut bytes = encode(&entries, &[[7; 32]]);
        let position = position.index(bytes.len());
        bytes[position] = value;
        let _ = decode(&bytes, 90);
    }
}
