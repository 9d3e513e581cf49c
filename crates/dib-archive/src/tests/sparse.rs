//! Files with holes, in both formats of GNU tar.

use super::*;

/// What both formats below hold: ten bytes at 4096 of a file of 100,000, and its last byte.
#[track_caller]
fn check_sparse(archive: &[u8]) {
    let fixture = fixture();
    let extracted = fixture.extract(archive).unwrap();
    assert_eq!((extracted.entries, extracted.bytes), (2, 11 + 5));
    let mut expected = vec![0; 100_000];
    expected[4096..4106].copy_from_slice(b"0123456789");
    expected[99_999] = b'!';
    assert_eq!(fs::read(fixture.path("holes")).unwrap(), expected);
    assert_eq!(fixture.read("after"), "after");
}

const DATA: &[u8] = b"0123456789!";

fn octal(number: u64) -> [u8; 12] {
    let mut field = [0; 12];
    field[..11].copy_from_slice(format!("{number:011o}").as_bytes());
    field
}

fn old_format(pieces: &[(u64, u64)], size: u64) -> TarArchive {
    let mut header = TarArchive::header(EntryType::GNUSparse, b"holes", 0o644, DATA.len());
    let gnu = header.as_gnu_mut().unwrap();
    gnu.realsize = octal(size);
    for (field, (offset, length)) in gnu.sparse.iter_mut().zip(pieces) {
        field.offset = octal(*offset);
        field.numbytes = octal(*length);
    }
    let (_, further) = pieces.split_at(pieces.len().min(4));
    gnu.isextended[0] = u8::from(!further.is_empty());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    if !further.is_empty() {
        let mut more = tar::GnuExtSparseHeader::new();
        for (field, (offset, length)) in more.sparse.iter_mut().zip(further) {
            field.offset = octal(*offset);
            field.numbytes = octal(*length);
        }
        bytes.extend_from_slice(more.as_bytes());
    }
    bytes.extend_from_slice(DATA);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    let mut archive = TarArchive::new();
    archive.0.get_mut().extend_from_slice(&bytes);
    archive.file("after", b"after", 0o644)
}

fn pax_format(version: &[u8], map: &[u8]) -> TarArchive {
    let mut contents = map.to_vec();
    contents.resize(512, 0);
    contents.extend_from_slice(DATA);
    let records: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", version),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"holes"),
        ("GNU.sparse.realsize", b"100000"),
    ];
    TarArchive::new()
        .pax(EntryType::XHeader, &records)
        .file("GNUSparseFile.0/holes", &contents, 0o644)
        .file("after", b"after", 0o644)
}

#[test]
fn old_gnu_format() {
    check_sparse(&old_format(&[(4096, 10), (99_999, 1), (100_000, 0)], 100_000).bytes());
    let many: Vec<_> = (0..10)
        .map(|index| (4096 + index, 1))
        .chain([(99_999, 1)])
        .collect();
    check_sparse(&old_format(&many, 100_000).bytes());
}

#[test]
fn pax_format_1_0() {
    check_sparse(&pax_format(b"1", b"2\n4096\n10\n99999\n1\n").bytes());
}

#[test]
fn maps_that_make_no_sense() {
    let malformed = |reason| format!("the archive is malformed in its entry \"holes\": {reason}");
    let disorder = malformed("its map of a sparse file is out of order");
    check_refused(
        &fixture(),
        &old_format(&[(99, 10), (50, 1)], 100_000).bytes(),
        &disorder,
    );
    check_refused(
        &fixture(),
        &old_format(&[(99_999, 11)], 100_000).bytes(),
        &disorder,
    );
    let mismatch = malformed("its map of a sparse file does not match its size");
    check_refused(&fixture(), &old_format(&[(0, 10)], 100_000).bytes(), &mismatch);
    let in_contents = |reason| {
        let entry = "GNUSparseFile.0/holes";
        format!("the archive is malformed in its entry \"{entry}\": {reason}")
    };
    let numbers = in_contents("its map of a sparse file has no valid numbers");
    check_refused(&fixture(), &pax_format(b"1", b"2\n4096\nten\n").bytes(), &numbers);
    let many = in_contents("its sparse file has too many pieces");
    check_refused(&fixture(), &pax_format(b"1", b"99999999999\n").bytes(), &many);
    let version = in_contents("its sparse file is in another format than GNU's 1.0");
    check_refused(&fixture(), &pax_format(b"0", b"").bytes(), &version);
}
