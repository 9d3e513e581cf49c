//! Every kind of entry, with all its attributes, in every compression.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::atomic::{AtomicU64, Ordering};

use dib_sys::DeviceKind;
use flate2::write::GzEncoder;
use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;

use super::*;
use crate::SkippedAttribute;

fn plain() -> Vec<u8> {
    TarArchive::new()
        .directory("./", 0o711)
        .directory("./usr/", 0o555)
        .directory("./usr/bin/", 0o2750)
        .symlink("./bin", "usr/bin")
        .file("./bin/su", b"#!", 0o4711)
        .hard_link("./usr/su2", "./bin/su")
        .device("./pipe", EntryType::Fifo, 0, 0)
        .file("./implied/deep/file", b"", 0o400)
        .bytes()
}

#[track_caller]
fn check_plain(archive: &[u8], format: ArchiveFormat) {
    let fixture = fixture();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    assert_eq!(ArchiveFormat::detect(&mut file).unwrap(), format);
    let extracted = fixture.extract(archive).unwrap();
    assert_eq!((extracted.entries, extracted.bytes), (8, 2));
    assert_eq!(
        (extracted.device_nodes, extracted.skipped_attributes),
        (vec![], vec![])
    );
    let time = i64::try_from(TIME).unwrap();
    for (name, mode) in [
        ("", 0o4_0711),
        ("usr", 0o4_0555),
        ("usr/bin", 0o4_2750),
        ("usr/bin/su", 0o10_4711),
        ("usr/su2", 0o10_4711),
        ("pipe", 0o1_0620),
        ("implied/deep/file", 0o10_0400),
    ] {
        let metadata = fs::symlink_metadata(fixture.path(name)).unwrap();
        assert_eq!((name, metadata.mode(), metadata.mtime()), (name, mode, time));
    }
    let link = fs::symlink_metadata(fixture.path("bin")).unwrap();
    assert_eq!(
        (link.mtime(), fs::read_link(fixture.path("bin")).unwrap()),
        (time, "usr/bin".into())
    );
    let inode = |name| fs::metadata(fixture.path(name)).unwrap().ino();
    assert_eq!(inode("usr/bin/su"), inode("usr/su2"));
    // So that the temporary directory can be removed.
    fs::set_permissions(
        fixture.path("usr"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
}

#[test]
fn every_compression() {
    let plain = plain();
    check_plain(&plain, ArchiveFormat::Tar);

    let (first, second) = plain.split_at(1000);
    let gzip = |part: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    check_plain(&gzip(&plain), ArchiveFormat::TarGzip);
    check_plain(&[gzip(first), gzip(second)].concat(), ArchiveFormat::TarGzip);

    let xz = |part: &[u8]| {
        let stream = MtStreamBuilder::new()
            .threads(2)
            .block_size(512)
            .preset(0)
            .check(Check::Crc64)
            .encoder();
        let mut encoder = XzEncoder::new_stream(Vec::new(), stream.unwrap());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    check_plain(&xz(&plain), ArchiveFormat::TarXz);
    check_plain(
        &[xz(first), vec![0; 8], xz(second), vec![0; 4]].concat(),
        ArchiveFormat::TarXz,
    );

    check_plain(&zstd::encode_all(&*plain, 1).unwrap(), ArchiveFormat::TarZstd);
}

#[test]
fn other_files_are_no_archives() {
    check_refused(
        &fixture(),
        b"hello",
        "the file is neither a tar archive, plain or compressed with gzip, xz or zstd, nor a SquashFS image",
    );
}

#[test]
fn progress_counts_the_archive() {
    let target = tempfile::tempdir().unwrap();
    let archive = TarArchive::new().file("big", &vec![7; 3 << 20], 0o644).bytes();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&archive).unwrap();
    let root = TargetRoot::open(Utf8Path::from_path(target.path()).unwrap()).unwrap();
    let seen = AtomicU64::new(0);
    let progress = |read| assert!(seen.swap(read, Ordering::Relaxed) <= read);
    let extracted = crate::extract(&file, ArchiveFormat::Tar, &root, &progress).unwrap();
    assert_eq!(extracted.bytes, 3 << 20);
    assert_eq!(seen.into_inner(), archive.len() as u64);
    assert_eq!(fs::read(target.path().join("big")).unwrap(), vec![7; 3 << 20]);
}

#[test]
fn long_and_odd_names() {
    let fixture = fixture();
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(250));
    let mut archive = TarArchive::new();
    let mut header = TarArchive::header(EntryType::Regular, b"", 0o644, 1);
    archive.0.append_data(&mut header, &long, &b"1"[..]).unwrap();
    let archive = archive
        .link(EntryType::Symlink, "link", &"t".repeat(300))
        .file(b"caf\xe9", b"latin", 0o644)
        .pax(
            EntryType::XHeader,
            &[("path", "über/ñ\nline".as_bytes()), ("mtime", b"-1.25")],
        )
        .file("short", b"pax", 0o644)
        .file("/absolute", b"a", 0o644)
        .bytes();
    assert_eq!(fixture.extract(&archive).unwrap().entries, 5);
    assert_eq!(fixture.read(&long), "1");
    assert_eq!(
        fs::read_link(fixture.path("link")).unwrap().as_os_str().len(),
        300
    );
    assert_eq!(fixture.read(OsStr::from_bytes(b"caf\xe9")), "latin");
    assert_eq!(fixture.read("über/ñ\nline"), "pax");
    assert_eq!(fixture.read("absolute"), "a");
    let metadata = fs::metadata(fixture.path("über/ñ\nline")).unwrap();
    assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (-2, 750_000_000));
}

#[test]
fn global_headers_hold_until_overridden() {
    let fixture = fixture();
    let archive = TarArchive::new()
        .pax(EntryType::XGlobalHeader, &[("mtime", b"5"), ("comment", b"x")])
        .file("global", b"", 0o644)
        .pax(EntryType::XHeader, &[("mtime", b"6.000000007")])
        .file("local", b"", 0o644)
        .bytes();
    fixture.extract(&archive).unwrap();
    let time = |name| {
        fs::metadata(fixture.path(name))
            .map(|entry| (entry.mtime(), entry.mtime_nsec()))
            .unwrap()
    };
    assert_eq!((time("global"), time("local")), ((5, 0), (6, 7)));
}

#[test]
fn device_nodes_are_made_or_kept_for_the_image() {
    let fixture = fixture();
    let archive = TarArchive::new()
        .file("dev/sda", b"in the way", 0o644)
        .device("dev/null", EntryType::Char, 1, 3)
        .device("dev/sda", EntryType::Block, 8, 300)
        .hard_link("dev/zero", "dev/null")
        .device("dev/gone", EntryType::Char, 1, 5)
        .file("dev/gone", b"a file now", 0o644)
        .bytes();
    let extracted = fixture.extract(&archive).unwrap();
    assert_eq!(extracted.entries, 6);
    assert_eq!(fixture.read("dev/gone"), "a file now");
    if let Ok(null) = fs::symlink_metadata(fixture.path("dev/null")) {
        assert_eq!(extracted.device_nodes, []);
        assert!(null.file_type().is_char_device());
        assert_eq!(
            (null.rdev(), null.mode() & 0o7777),
            (nix::sys::stat::makedev(1, 3), 0o620)
        );
        let sda = fs::symlink_metadata(fixture.path("dev/sda")).unwrap();
        assert!(sda.file_type().is_block_device());
        assert_eq!(sda.rdev(), nix::sys::stat::makedev(8, 300));
    } else {
        let kept: Vec<_> = extracted
            .device_nodes
            .iter()
            .map(|node| {
                (
                    node.path.to_string(),
                    node.kind,
                    node.major,
                    node.minor,
                    node.mode,
                )
            })
            .collect();
        let null = |path: &str| (path.to_owned(), DeviceKind::Character, 1, 3, 0o620);
        let sda = ("/dev/sda".to_owned(), DeviceKind::Block, 8, 300, 0o620);
        assert_eq!(kept, [null("/dev/null"), sda, null("/dev/zero")]);
        fs::symlink_metadata(fixture.path("dev/sda")).unwrap_err();
    }
}

#[test]
fn extended_attributes_are_set_or_told() {
    let fixture = fixture();
    let value = b"\n\0=binary\n";
    let records: [(&str, &[u8]); 3] = [
        ("SCHILY.xattr.user.dib", value),
        ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
        ("SCHILY.acl.access", b"user::rw-"),
    ];
    let archive = TarArchive::new()
        .pax(EntryType::XHeader, &records)
        .file("file", b"x", 0o644)
        .bytes();
    let extracted = fixture.extract(&archive).unwrap();
    let mut skipped: Vec<_> = extracted
        .skipped_attributes
        .iter()
        .map(|skipped| skipped.attribute.as_str())
        .collect();
    skipped.sort_unstable();
    let mut found = [0; 64];
    match rustix::fs::getxattr(fixture.path("file"), "user.dib", &mut found[..]) {
        Ok(length) => {
            assert_eq!(&found[..length], value);
            assert_eq!(skipped, ["SCHILY.acl.access", "user.overlay.redirect"]);
        }
        // The temporary directory's file system has none of these.
        Err(_) => assert_eq!(
            skipped,
            ["SCHILY.acl.access", "user.dib", "user.overlay.redirect"]
        ),
    }
    assert!(matches!(&extracted.skipped_attributes[0], SkippedAttribute { entry, .. } if entry == "file"));
}

#[test]
fn capabilities_are_set_or_an_error() {
    let fixture = fixture();
    // Revision 2, not effective, permitted: dac_override and fowner, a line feed in binary.
    let mut capability = vec![0, 0, 0, 2, 0x0a];
    capability.resize(20, 0);
    let archive = TarArchive::new()
        .pax(
            EntryType::XHeader,
            &[("SCHILY.xattr.security.capability", &capability)],
        )
        .file("ping", b"x", 0o755)
        .bytes();
    match fixture.extract(&archive) {
        Ok(_) => {
            let mut found = [0; 64];
            let length =
                rustix::fs::getxattr(fixture.path("ping"), "security.capability", &mut found[..]).unwrap();
            assert_eq!(found[4], 0x0a);
            assert!(length >= 20);
        }
        Err(error) => {
            let expected = "failed to set the attribute security.capability of the entry \"ping\"";
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn another_owner_needs_rights() {
    let fixture = fixture();
    let mut header = TarArchive::header(EntryType::Regular, b"file", 0o6755, 0);
    header.set_uid(4001);
    header.set_gid(4002);
    let archive = TarArchive::new().header_with_data(header, b"").bytes();
    match fixture.extract(&archive) {
        Ok(_) => {
            let metadata = fs::metadata(fixture.path("file")).unwrap();
            assert_eq!(
                (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777),
                (4001, 4002, 0o6755)
            );
        }
        Err(error) => {
            assert_eq!(
                error.to_string(),
                "failed to give the entry \"file\" to the owner 4001:4002"
            );
        }
    }
}
