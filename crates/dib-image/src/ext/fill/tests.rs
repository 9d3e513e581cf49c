mod compared;
mod placed;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::disk_spec::FileSystem;
use crate::ext::{debugfs, fill_by_mke2fs, fill_ourselves, make_ext};
use crate::fixture::{self, Fixture, fixture, run};
use crate::partition_table::Extent;
use crate::{BlockDeviceConfig, DiskSpec, ImageSize, RootFileSystem};

const TIME: u64 = 1_700_000_000;
const UUID: &str = "0d1b2c3a-0000-4000-8000-0123456789ab";
/// `mke2fs` is told to make the file system somewhere in the image.
const START: u64 = 3 << 20;

fn spec(options: &str, seed: Option<u64>) -> DiskSpec {
    let layout = format!(
        "[{{local_loop: {{name: image0, mkfs: {{name: mkfs_root, uuid: {UUID}, opts: '{options}', \
         mount: {{mount_point: /}}}}}}}}]"
    );
    let layout = BlockDeviceConfig::parse(&layout, "test").unwrap();
    DiskSpec::new(layout, &RootFileSystem::default(), ImageSize::Fitting, seed).unwrap()
}

struct Made {
    image: Utf8PathBuf,
    filled: Filled,
}

/// Makes an image of so many MiB in one of the two ways, or in the way that is chosen when both are possible.
fn make(
    name: &str,
    fixture: &Fixture,
    (options, mib): (&str, u64),
    seed: Option<u64>,
    how: impl Fn(Room<'_>, &FileSystem) -> Result<Filled, ExtError>,
) -> Made {
    let image = fixture.scratch.join(name);
    let mut options_of_file = File::options();
    options_of_file.read(true).write(true).create(true).truncate(true);
    let file = options_of_file.open(&image).unwrap();
    file.set_len(START + (mib << 20)).unwrap();
    let room = Room {
        image: &image,
        file: &file,
        extent: Extent {
            start: START,
            length: mib << 20,
        },
        sector_size: 512,
    };
    let spec = spec(options, seed);
    let filled = how(room, spec.root()).unwrap();
    let made = Made { image, filled };
    run("e2fsck", &["-fn", &made.at()]);
    made
}

impl Made {
    fn at(&self) -> String {
        format!("{}?offset={START}", self.image)
    }

    /// Has debugfs do what a script says, and returns what it prints.
    fn debugfs(&self, script: &[u8]) -> Vec<u8> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(script).unwrap();
        let output = std::process::Command::new("debugfs")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["-f", file.path().to_str().unwrap(), &self.at()])
            .output()
            .unwrap();
        assert!(output.status.success());
        output.stdout
    }
}

/// Returns the paths of all that a tree holds, relative to it.
fn paths(tree: &Path) -> Vec<PathBuf> {
    let (mut paths, mut pending) = (vec![PathBuf::new()], vec![PathBuf::new()]);
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(tree.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                pending.push(path.clone());
            }
            paths.push(path);
        }
    }
    paths.sort_unstable();
    paths
}

/// A tree with whatever makes a difference in the file system.
fn everything() -> Fixture {
    let fixture = fixture();
    let tree = &fixture.tree;
    fs::create_dir_all(tree.join("many")).unwrap();
    for number in 0..3000 {
        fs::write(
            tree.join(format!("many/a-name-of-some-length-{number}")),
            number.to_string(),
        )
        .unwrap();
    }
    fs::create_dir_all(tree.join("d/".repeat(200))).unwrap();
    fs::create_dir_all(tree.join("few")).unwrap();
    for length in [1, 59, 60, 61, 900] {
        symlink("t".repeat(length), tree.join(format!("few/link-{length}"))).unwrap();
    }
    for length in [0, 1, 4095, 4096, 4097, 65_535, 65_536, 200_000] {
        fs::write(tree.join(format!("few/file-{length}")), vec![7; length]).unwrap();
    }
    fs::write(tree.join("few").join("n".repeat(255)), "x").unwrap();
    // One extent each, more than a block of the smallest size lists.
    let holes = File::create(tree.join("few/holes")).unwrap();
    for number in 0..400 {
        holes.write_all_at(b"data", number * 16_384 + 5000).unwrap();
    }
    fs::create_dir(tree.join("huge")).unwrap();
    let huge = File::create(tree.join("huge/huge")).unwrap();
    huge.write_all_at(b"in the midst", 3 << 30).unwrap();
    huge.set_len(5 << 30).unwrap();
    File::create(tree.join("few/hollow"))
        .unwrap()
        .set_len(100_000)
        .unwrap();

    for (path, length) in [
        ("few/file-1", 40),
        ("few/file-4096", 700),
        ("few/link", 0),
        ("many", 500),
    ] {
        if length == 0 {
            continue;
        }
        xattr::set(tree.join(path), "user.value", &vec![b'v'; length]).unwrap();
        xattr::set(tree.join(path), "user.empty", b"").unwrap();
        xattr::set(tree.join(path), "user.a-longer-name", b"abc").unwrap();
    }
    // `user::rw-, user:1000:r--, group::r--, mask::r--, other::---` in the kernel's words.
    let list = [
        &[2, 0, 0, 0][..],
        &[1, 0, 6, 0, 255, 255, 255, 255],
        &[2, 0, 4, 0, 0xe8, 3, 0, 0],
        &[4, 0, 4, 0, 255, 255, 255, 255],
        &[16, 0, 4, 0, 255, 255, 255, 255],
        &[32, 0, 0, 0, 255, 255, 255, 255],
    ]
    .concat();
    xattr::set(tree.join("few/file-4097"), "system.posix_acl_access", &list).unwrap();
    xattr::set(tree.join("few"), "system.posix_acl_default", &list).unwrap();
    for (name, time) in [
        ("file-0", UNIX_EPOCH - Duration::from_secs(86_400)),
        ("file-1", UNIX_EPOCH + Duration::from_secs(2_000_000_000)),
    ] {
        let file = File::options()
            .write(true)
            .open(tree.join("few").join(name))
            .unwrap();
        file.set_modified(time).unwrap();
    }
    fixture
}

fn ours(fixture: &Fixture, (options, mib): (&str, u64), seed: Option<u64>) -> Made {
    make("ours.raw", fixture, (options, mib), seed, |room, file_system| {
        fill_ourselves(&fixture.tree, &fixture::device_nodes(), room, file_system, seed)
    })
}

#[test]
fn it_is_sound_with_all_features_that_are_known() {
    let fixture = everything();
    for options in [
        "-O ^has_journal,metadata_csum_seed -b 1024",
        "-O ^64bit,^dir_index",
        "-O ^flex_bg,^resize_inode,^large_file",
        "-O ^sparse_super,^resize_inode",
        "-O sparse_super2,orphan_file",
        "-O ^metadata_csum -b 1024",
        "-g 1024 -J size=4",
        "-b 1024 -g 2048 -G 4 -J size=4 -N 60000",
        "-N 8000",
        "-E resize=10000000",
    ] {
        let made = ours(&fixture, (options, 300), None);
        assert_eq!(made.filled, Filled::Whole, "{options}");
        assert_eq!(
            made.debugfs(b"cat /etc/hostname\n").trim_ascii_end().last(),
            Some(&b'e')
        );
    }
}

#[test]
fn what_is_not_known_is_left_to_mke2fs() {
    let fixture = fixture();
    for options in [
        "-O ^extent,^64bit",
        "-O inline_data",
        "-O bigalloc",
        "-O meta_bg,^resize_inode",
        "-O uninit_bg,^metadata_csum",
        "-O ea_inode",
        "-O large_dir",
        "-O encrypt",
        "-I 128",
        "-I 512",
    ] {
        assert_eq!(
            ours(&fixture, (options, 100), None).filled,
            Filled::Declined,
            "{options}"
        );
        let made = make("made.raw", &fixture, (options, 100), None, |room, file_system| {
            make_ext(&fixture.tree, &[], room, file_system, None).map(|()| Filled::Whole)
        });
        let hostname = made.debugfs(b"cat /etc/hostname\n");
        // Of what stands in an inode, debugfs prints the room behind it, too.
        let hostname = String::from_utf8_lossy(&hostname);
        assert!(hostname.contains("fixture\n"), "{options}: {hostname}");
    }
}

#[test]
fn what_the_tree_has_of_lost_files_is_kept() {
    let fixture = fixture();
    let lost = fixture.tree.join("lost+found");
    fs::create_dir(&lost).unwrap();
    fs::write(lost.join("#12"), "lost").unwrap();
    let made = ours(&fixture, ("", 100), None);
    assert_eq!(made.filled, Filled::Whole);
    assert!(made.debugfs(b"cat /lost+found/#12\n").ends_with(b"lost"));
    fs::remove_dir_all(&lost).unwrap();
    fs::write(&lost, "no directory").unwrap();
    assert_eq!(ours(&fixture, ("", 100), None).filled, Filled::Declined);
}

#[test]
fn the_order_in_which_a_tree_came_to_be_makes_no_difference() {
    let fixture = everything();
    let made = |numbers: &mut dyn Iterator<Item = u32>| {
        let more = fixture.tree.join("more");
        let _ = fs::remove_dir_all(&more);
        fs::create_dir(&more).unwrap();
        for number in numbers {
            fs::write(more.join(number.to_string()), vec![1; 1000]).unwrap();
        }
        for path in paths(fixture.tree.as_std_path()) {
            let path = fixture.tree.join_os(path);
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() || kind.is_file() {
                File::open(path).unwrap().set_modified(UNIX_EPOCH).unwrap();
            }
        }
        fs::read(ours(&fixture, ("-J size=4", 100), Some(TIME)).image).unwrap()
    };
    let (one, other) = (made(&mut (0..200)), made(&mut (0..200).rev()));
    assert!(one == other, "the images differ");
}
