//! Archives that are cut short or corrupted.

use std::io::Write;

use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;

use super::*;

/// Two files whose contents don't compress to nothing.
fn archive() -> Vec<u8> {
    let contents: Vec<u8> = (0_u32..60_000)
        .map(|index| index.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect();
    TarArchive::new()
        .file("first", b"1", 0o644)
        .file("second", &contents, 0o644)
        .bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn cut_short() {
    let plain = archive();
    let second = "the archive is cut short in its entry \"second\"";
    check_refused(&fixture(), &plain[..10_000], second);
    check_refused(
        &fixture(),
        &plain[..1300],
        "the archive is cut short after its entry \"first\"",
    );
    let compressed = gzip(&plain);
    check_refused(&fixture(), &compressed[..compressed.len() / 2], second);
    // All entries are there, but the checksum at the end is not.
    let last = "the archive is cut short after its entry \"second\"";
    check_refused(&fixture(), &compressed[..compressed.len() - 4], last);
    let compressed = xz(&plain);
    let error = fixture()
        .extract(&compressed[..compressed.len() - 20])
        .unwrap_err();
    assert!(
        error.to_string().ends_with("after its entry \"second\""),
        "{error}"
    );
    check_refused(
        &fixture(),
        &compressed[..20],
        "the archive is cut short at its start",
    );
}

#[test]
fn corrupted() {
    let plain = archive();
    let flip = |mut bytes: Vec<u8>, at: usize| {
        bytes[at] ^= 0x10;
        bytes
    };
    let checksum = "the archive is malformed after its entry \"first\": a header has a wrong checksum";
    check_refused(&fixture(), &flip(plain.clone(), 1030), checksum);
    let compressed = gzip(&plain);
    let at = compressed.len() - 6;
    let wrong_sum = "failed to read the archive after its entry \"second\"";
    check_refused(&fixture(), &flip(compressed, at), wrong_sum);
    let compressed = xz(&plain);
    let middle = compressed.len() / 2;
    let error = fixture().extract(&flip(compressed, middle)).unwrap_err();
    assert!(matches!(error, ExtractError::Damaged { .. }), "{error}");
}

#[test]
fn sizes_beyond_all_bounds() {
    let archive = |size: u64| {
        let mut header = TarArchive::header(EntryType::Regular, b"huge", 0o644, 0);
        header.set_size(size);
        TarArchive::new().header_with_data(header, b"").bytes()
    };
    let cut_short = "the archive is cut short in its entry \"huge\"";
    check_refused(&fixture(), &archive(1 << 40), cut_short);
    check_refused(&fixture(), &archive(u64::MAX >> 1), cut_short);
    let mut header = TarArchive::header(EntryType::XHeader, b"pax", 0o644, 0);
    header.set_size(1 << 40);
    let bytes = TarArchive::new()
        .file("before", b"", 0o644)
        .header_with_data(header, b"")
        .bytes();
    let too_long = "the archive is malformed after its entry \"before\": an extended header is too long";
    check_refused(&fixture(), &bytes, too_long);
}

#[test]
fn headers_that_make_no_sense() {
    let mut header = TarArchive::header(EntryType::Regular, b"file", 0o644, 0);
    header.as_old_mut().uid = *b"letters\0";
    let bytes = TarArchive::new().header_with_data(header, b"").bytes();
    check_refused(
        &fixture(),
        &bytes,
        "the archive is malformed in its entry \"file\": its header has no valid owner",
    );
    let header = TarArchive::header(EntryType::new(b'M'), b"file", 0o644, 0);
    let bytes = TarArchive::new().header_with_data(header, b"").bytes();
    check_refused(
        &fixture(),
        &bytes,
        "the entry \"file\" is of the kind 'M', which is not supported",
    );
    let bytes = TarArchive::new()
        .file("a", b"", 0o644)
        .pax(EntryType::XHeader, &[("path", b"b")])
        .bytes();
    check_refused(
        &fixture(),
        &bytes,
        "the archive is malformed after its entry \"a\": an extended header is followed by no entry",
    );
}

#[test]
fn wrong_bytes_in_headers_do_no_harm() {
    let plain = TarArchive::new()
        .directory("d/", 0o755)
        .file("d/file", b"1", 0o644)
        .hard_link("link", "d/file")
        .symlink("symlink", "d")
        .pax(EntryType::XHeader, &[("size", b"5"), ("GNU.sparse.major", b"1")])
        .file("sparse", b"", 0o644)
        .bytes();
    let headers = [0, 512, 1536, 2048, 2560, 3584];
    for (header, at) in headers
        .into_iter()
        .flat_map(|header| (0..512).step_by(5).map(move |at| (header, at)))
    {
        let mut damaged = plain.clone();
        damaged[header + at] ^= 0xc1;
        let mut checked = Header::from_byte_slice(&damaged[header..header + 512]).clone();
        checked.set_cksum();
        damaged[header..header + 512].copy_from_slice(checked.as_bytes());
        // Some damage can't be noticed, such as another letter in a name: what counts is checked in `extract`.
        let _ = fixture().extract(&damaged);
    }
}
