//! `SquashFS` images made by squashfs-tools: one tree in three compressions.
//!
//! They were made with `mksquashfs TREE IMAGE -comp gzip|xz|zstd -b 4096 -noId -nopad -force-uid 12345
//! -force-gid 54321 -mkfs-time 0 -p 'null c 666 12345 54321 1 3'`. The owners stand uncompressed in the
//! image, so that these tests can put the current user's in their place.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::*;

const IMAGES: [&[u8]; 3] = [
    include_bytes!("../../fixtures/small-gzip.squashfs"),
    include_bytes!("../../fixtures/small-xz.squashfs"),
    include_bytes!("../../fixtures/small-zstd.squashfs"),
];

/// The image with the current user as the owner of everything.
fn owned(image: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    let owners = [12345_u32.to_le_bytes(), 54321_u32.to_le_bytes()].concat();
    let at = image
        .windows(8)
        .position(|window| window == owners)
        .expect("both owners, in this order");
    image[at..at + 4].copy_from_slice(&nix::unistd::getuid().as_raw().to_le_bytes());
    image[at + 4..at + 8].copy_from_slice(&nix::unistd::getgid().as_raw().to_le_bytes());
    image
}

#[test]
fn every_kind_of_entry() {
    for image in IMAGES {
        let fixture = fixture();
        let extracted = fixture.extract(&owned(image)).unwrap();
        assert_eq!(extracted.entries, 314);
        let metadata = |name: &str| fs::symlink_metadata(fixture.path(name)).unwrap();
        for (name, mode) in [
            ("", 0o4_0755),
            ("small", 0o10_4755),
            ("usr/bin", 0o4_2775),
            ("bin", 0o12_0777),
            ("many", 0o4_0755),
        ] {
            let found = metadata(name);
            assert_eq!(
                (name, found.mode(), found.mtime()),
                (name, mode, i64::try_from(TIME).unwrap())
            );
        }
        assert_eq!(fixture.read("small"), "small\n");
        assert_eq!(metadata("small").ino(), metadata("usr/bin/other").ino());
        assert_eq!(fs::read_link(fixture.path("bin")).unwrap(), Path::new("usr/bin"));
        assert!(metadata("pipe").file_type().is_fifo());
        assert_eq!(fixture.read(OsStr::from_bytes(b"caf\xe9")), "");
        let mut holes = vec![0; 6 * 4096 + 13];
        holes[..5].copy_from_slice(b"start");
        holes[3 * 4096..4 * 4096].fill(b'.');
        holes[3 * 4096..][..6].copy_from_slice(b"middle");
        holes[6 * 4096 + 10..].copy_from_slice(b"end");
        assert_eq!(fs::read(fixture.path("holes")).unwrap(), holes);
        let mut tail = vec![b'x'; 3 * 4096];
        tail[4096..].fill(0);
        assert_eq!(fs::read(fixture.path("tail")).unwrap(), tail);
        for index in 0..300 {
            assert_eq!(fixture.read(format!("many/{index:03}")), index.to_string());
        }
        match &*extracted.device_nodes {
            [] => assert_eq!(metadata("null").rdev(), nix::sys::stat::makedev(1, 3)),
            [null] => assert_eq!(
                (null.path.to_string(), null.major, null.minor),
                ("/null".into(), 1, 3)
            ),
            more => panic!("only one device is in the image: {more:?}"),
        }
        check_attributes(&fixture, &extracted);
    }
}

fn check_attributes(fixture: &Fixture, extracted: &Extracted) {
    if !extracted.skipped_attributes.is_empty() {
        // The temporary directory's file system has none.
        assert_eq!(extracted.skipped_attributes.len(), 3);
        return;
    }
    let attribute = |file: &str, name: &str| {
        let mut value = vec![0; 64];
        let length = rustix::fs::getxattr(fixture.path(file), name, &mut value[..]).unwrap();
        value.truncate(length);
        value
    };
    assert_eq!(attribute("attributed", "user.short"), b"1");
    assert_eq!(attribute("attributed", "user.binary"), b"\n\0".repeat(20));
    assert_eq!(attribute("attributed2", "user.binary"), b"\n\0".repeat(20));
}

#[test]
fn damage_is_an_error_and_no_panic() {
    for image in IMAGES {
        let image = owned(image);
        let fixture = fixture();
        let error = fixture.extract(&image[..image.len() / 2]).unwrap_err();
        assert!(matches!(error, ExtractError::CutShort { .. }), "{error}");
        // Many bytes wrong, one at a time: some can't be noticed, such as a letter in a name, but none may do harm.
        for at in (0..image.len()).step_by(211) {
            let mut damaged = image.clone();
            damaged[at] ^= 0xff;
            let fixture = self::fixture();
            let _ = fixture.extract(&damaged);
        }
    }
}

#[test]
fn images_that_are_not_for_us() {
    let mut image = owned(IMAGES[0]);
    // The superblock's compressor: LZO.
    image[20] = 3;
    check_refused(
        &fixture(),
        &image,
        "the archive is malformed at its start: it is compressed with neither gzip, xz nor zstd",
    );
}
