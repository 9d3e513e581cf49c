//! Several archives into one tree at the same time.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::thread;

use super::*;
use crate::{Entry, EntryKind, SharedTree};

/// Extracts the archives, each by a thread of its own, with its place in the list as its rank.
fn extract_all(fixture: &Fixture, archives: &[Vec<u8>]) {
    let target = TargetRoot::open(Utf8Path::from_path(fixture.inside.path()).unwrap()).unwrap();
    let tree = SharedTree::new(&target);
    thread::scope(|scope| {
        for (rank, archive) in archives.iter().enumerate() {
            let tree = &tree;
            scope.spawn(move || tree.extract(rank, &mut &archive[..], &mut |_| true).unwrap());
        }
    });
    tree.finish().unwrap();
    fixture.assert_outside_untouched();
}

#[test]
fn directories_are_those_of_the_first_archive_whoever_makes_them() {
    for _ in 0..20 {
        let fixture = fixture();
        let archives: Vec<_> = (0..4_u32)
            .map(|rank| {
                TarArchive::new()
                    .directory("./", 0o755)
                    .directory("./usr/", 0o700 + rank)
                    .directory("./usr/share/", 0o750 - rank)
                    .file(format!("./usr/share/{rank}"), b"contents", 0o644)
                    .bytes()
            })
            .collect();
        extract_all(&fixture, &archives);
        for (name, mode) in [("usr", 0o700), ("usr/share", 0o750)] {
            let metadata = fs::metadata(fixture.path(name)).unwrap();
            assert_eq!(metadata.mode() & 0o7777, mode, "{name}");
            assert_eq!(metadata.mtime(), i64::try_from(TIME).unwrap(), "{name}");
        }
        assert_eq!(fs::read_dir(fixture.path("usr/share")).unwrap().count(), 4);
    }
}

#[test]
fn what_is_a_directory_stays_one() {
    let fixture = fixture();
    fs::create_dir_all(fixture.path("usr/bin")).unwrap();
    fs::set_permissions(fixture.path("usr/bin"), fs::Permissions::from_mode(0o711)).unwrap();
    std::os::unix::fs::symlink("usr/bin", fixture.path("bin")).unwrap();
    let archive = TarArchive::new()
        .directory("./bin/", 0o755)
        .file("./bin/sh", b"shell", 0o755)
        .symlink("./usr", "elsewhere")
        .bytes();
    extract_all(&fixture, &[archive]);
    assert_eq!(fixture.read("usr/bin/sh"), "shell");
    assert_eq!(
        fs::metadata(fixture.path("usr/bin")).unwrap().mode() & 0o7777,
        0o711
    );
    assert!(fs::symlink_metadata(fixture.path("bin")).unwrap().is_symlink());
}

#[test]
fn a_link_out_of_the_target_is_no_directory() {
    let fixture = fixture();
    std::os::unix::fs::symlink(fixture.outside.path(), fixture.path("etc")).unwrap();
    let target = TargetRoot::open(Utf8Path::from_path(fixture.inside.path()).unwrap()).unwrap();
    let archive = TarArchive::new()
        .directory("./etc/", 0o755)
        .file("./etc/precious", b"x", 0o644)
        .bytes();
    let error = SharedTree::new(&target)
        .extract(0, &mut &archive[..], &mut |_| true)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to take as a directory what stands in the place of the entry \"etc\""
    );
    fixture.assert_outside_untouched();
}

#[test]
fn entries_are_shown_and_left_out() {
    let fixture = fixture();
    let target = TargetRoot::open(Utf8Path::from_path(fixture.inside.path()).unwrap()).unwrap();
    let archive = TarArchive::new()
        .directory("./", 0o755)
        .directory("./d/", 0o755)
        .file("./d/left-out", &[b'x'; 2000], 0o644)
        .file("./d/made", b"1", 0o644)
        .symlink("./link", "d")
        .hard_link("./second", "d/made")
        .bytes();
    let mut seen = Vec::new();
    let tree = SharedTree::new(&target);
    let extracted = tree.extract(0, &mut &archive[..], &mut |entry: &Entry<'_>| {
        seen.push((String::from_utf8_lossy(entry.name).into_owned(), entry.kind));
        entry.name != b"d/left-out"
    });
    assert_eq!(
        (extracted.unwrap().bytes, fixture.read("second")),
        (1, "1".to_owned())
    );
    assert!(!fixture.path("d/left-out").exists());
    let expected = [
        ("", EntryKind::Directory),
        ("d", EntryKind::Directory),
        ("d/left-out", EntryKind::File),
        ("d/made", EntryKind::File),
        ("link", EntryKind::Symlink),
        ("second", EntryKind::HardLink),
    ];
    assert_eq!(seen, expected.map(|(name, kind)| (name.to_owned(), kind)));
}
