//! Our file system beside mke2fs's.

use std::collections::BTreeMap;

use super::*;

impl Made {
    /// Returns what there is to be known of each path, by its own words.
    fn stats(&self, paths: &[PathBuf]) -> BTreeMap<PathBuf, Vec<String>> {
        let mut script = Vec::new();
        for path in paths {
            script.extend(b"stat \"/");
            script.extend(path.as_os_str().as_bytes());
            script.extend(b"\"\n");
        }
        let output = self.debugfs(&script);
        let output = String::from_utf8_lossy(&output);
        let stats: Vec<&str> = output.split("debugfs: stat ").skip(1).collect();
        assert_eq!(stats.len(), paths.len());
        paths
            .iter()
            .zip(stats)
            .map(|(path, stat)| (path.clone(), in_common(stat)))
            .collect()
    }
}

/// Leaves out of a `stat` where things are, and what follows from that.
fn in_common(stat: &str) -> Vec<String> {
    let is_directory = stat.contains("Type: directory");
    let mut lines: Vec<String> = Vec::new();
    for line in stat.lines().skip(1) {
        let line = line.trim();
        if line.starts_with("EXTENTS:") {
            break;
        }
        let line = if line.starts_with("Inode: ") {
            let (_, rest) = line.split_once("Type:").unwrap();
            rest.split("Flags:").next().unwrap()
        } else if line.starts_with("User:") && is_directory {
            line.split("Size:").next().unwrap()
        } else if line.starts_with("Links:") {
            line.split("Blockcount:").next().unwrap()
        } else {
            line
        };
        if !["File ACL:", "Inode checksum:", "Fragment:"]
            .iter()
            .any(|word| line.starts_with(word))
        {
            lines.push(line.trim().to_owned());
        }
    }
    // Attributes are in no order.
    lines.sort_unstable();
    lines
}

fn check(fixture: &Fixture, options: &str, mib: u64) {
    let ours = ours(fixture, (options, mib), Some(TIME));
    assert_eq!(ours.filled, Filled::Whole, "{options}");
    let theirs = make(
        "theirs.raw",
        fixture,
        (options, mib),
        Some(TIME),
        |room, file_system| {
            let script = debugfs::script(&fixture.tree, &fixture::device_nodes())?;
            fill_by_mke2fs(&fixture.tree, &script, room, file_system, Some(TIME)).map(|()| Filled::Whole)
        },
    );
    let mut paths = paths(fixture.tree.as_std_path());
    paths.extend(["lost+found", "dev/null", "dev/loop0"].map(PathBuf::from));
    let (own, other) = (ours.stats(&paths), theirs.stats(&paths));
    for (path, stat) in own {
        assert_eq!(stat, other[&path], "{options}: {path:?}");
    }
    let back = fixture.scratch.join("back");
    let _ = fs::remove_dir_all(&back);
    fs::create_dir(&back).unwrap();
    // But for the huge one, in which debugfs would write out the holes.
    let read_back = ["etc", "usr", "var", "many", "few", "d"];
    for directory in read_back {
        ours.debugfs(format!("rdump /{directory} {back}\n").as_bytes());
    }
    let is_back = |path: &&PathBuf| read_back.iter().any(|directory| path.starts_with(directory));
    for path in paths.iter().filter(is_back) {
        let (from, to) = (fixture.tree.join_os(path), back.join_os(path));
        let metadata = fs::symlink_metadata(&from).unwrap();
        if metadata.is_symlink() {
            assert_eq!(
                fs::read_link(from).unwrap(),
                fs::read_link(to).unwrap(),
                "{path:?}"
            );
        } else if metadata.is_file() {
            assert!(
                fs::read(from).unwrap() == fs::read(to).unwrap(),
                "{options}: {path:?}"
            );
        }
    }
    let block = if options.contains("-b ") {
        options[3..7].parse().unwrap()
    } else {
        4096
    };
    let output = ours.debugfs(format!("bmap /huge/huge {}\n", (3 << 30) / block).as_bytes());
    let output = String::from_utf8(output).unwrap();
    let place: u64 = output.trim().lines().last().unwrap().parse().unwrap();
    let mut midst = [0; 12];
    let image = File::open(&ours.image).unwrap();
    image.read_exact_at(&mut midst, START + place * block).unwrap();
    assert_eq!(&midst, b"in the midst");
}

#[test]
fn it_is_as_mke2fs_would_have_filled_it() {
    let fixture = everything();
    check(&fixture, "-b 4096 -J size=4", 100);
}

#[test]
fn features_and_sizes_make_no_difference() {
    let fixture = everything();
    for options in ["-b 1024 -J size=4", "-b 2048 -O ^metadata_csum"] {
        check(&fixture, options, 600);
    }
}
