//! Where files are.

use super::*;

const CLUSTER: u64 = 64 << 10;

/// A tree whose files are told apart by their bytes.
fn many_files(count: u32) -> Fixture {
    let fixture = fixture();
    fs::create_dir(fixture.tree.join("files")).unwrap();
    for number in 0..count {
        let length = if number.is_multiple_of(10) { 150_000 } else { 3000 };
        let path = fixture.tree.join(format!("files/{number:04}"));
        fs::write(path, number.to_le_bytes().repeat(length / 4)).unwrap();
    }
    fixture
}

#[test]
fn large_files_begin_where_clusters_do() {
    let fixture = many_files(300);
    let made = ours(&fixture, ("-b 1024 -J size=4", 300), None);
    for number in (0..300).step_by(10) {
        let output = made.debugfs(format!("bmap /files/{number:04} 0\n").as_bytes());
        let output = String::from_utf8(output).unwrap();
        let place: u64 = output.trim().lines().last().unwrap().parse().unwrap();
        assert!(
            (START + place * 1024).is_multiple_of(CLUSTER),
            "{number}: {place}"
        );
    }
}

#[test]
fn a_small_change_of_the_tree_is_one_of_the_disk() {
    let fixture = many_files(1000);
    let clusters = || {
        let made = ours(&fixture, ("-b 4096 -J size=4", 200), Some(TIME));
        let image = fs::read(made.image).unwrap();
        let clusters = image.chunks(64 << 10).map(<[u8]>::to_owned);
        clusters.collect::<Vec<_>>()
    };
    let check = |before: Vec<Vec<u8>>, most: usize| {
        let after = clusters();
        let changed = after.iter().filter(|cluster| !before.contains(cluster)).count();
        assert!((1..=most).contains(&changed), "{changed}");
        after
    };
    let at_first = clusters();
    fs::write(fixture.tree.join("files/0501"), "changed, but no longer").unwrap();
    // The file's, and the inode's.
    let second = check(at_first, 2);
    // Some runs of files, some of the inodes, and what says which blocks are in use.
    fs::write(fixture.tree.join("files/0501a"), vec![b'a'; 5000]).unwrap();
    let third = check(second, 16);
    fs::write(fixture.tree.join("files/0510"), vec![b'b'; 300_000]).unwrap();
    check(third, 16);
}

#[test]
fn what_has_no_room_with_gaps_is_put_without() {
    let fixture = fixture();
    for number in 0..200 {
        fs::write(fixture.tree.join(number.to_string()), vec![7; 65_537]).unwrap();
    }
    let made = ours(&fixture, ("-b 4096 -O ^has_journal,^resize_inode", 18), None);
    assert_eq!(made.filled, Filled::Whole);
}
