//! Random trees come back as they were.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};

use crate::listing::assert_same;
use crate::{Place, key};

#[derive(Debug, Clone)]
enum Step {
    Directory,
    File { size: u32, fill: u8 },
    Sparse { size: u32, island: u32 },
    Symlink(String),
    Link(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Directory),
        // Sizes around those of pages and of the pack's chunks.
        4 => (prop_oneof![0..200_u32, 4090..4100_u32, 1_048_570..1_048_580_u32, 0..3_000_000_u32], any::<u8>())
            .prop_map(|(size, fill)| Step::File { size, fill }),
        1 => (20_000..2_000_000_u32, any::<u32>()).prop_map(|(size, island)| Step::Sparse { size, island }),
        1 => "[a-z./]{1,40}".prop_map(Step::Symlink),
        2 => any::<prop::sample::Index>().prop_map(Step::Link),
    ]
}

type Placed = (prop::sample::Index, String, Step, u32, u32);

/// Makes entries, each in one of the directories made so far; a name that is taken makes none.
fn build(tree: &Path, steps: &[Placed]) {
    let mut directories = vec![tree.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    for (place, name, step, _, _) in steps {
        let path = place.get(&directories).join(name);
        if path.symlink_metadata().is_ok() {
            continue;
        }
        match step {
            Step::Directory => {
                fs::create_dir(&path).unwrap();
                directories.push(path);
            }
            Step::File { size, fill } => {
                fs::write(&path, vec![*fill; *size as usize]).unwrap();
                files.push(path);
            }
            Step::Sparse { size, island } => {
                let file = File::create(&path).unwrap();
                file.set_len(u64::from(*size)).unwrap();
                file.write_all_at(b"!", u64::from(island % size)).unwrap();
                files.push(path);
            }
            Step::Symlink(text) => symlink(text, &path).unwrap(),
            Step::Link(index) if !files.is_empty() => fs::hard_link(index.get(&files), &path).unwrap(),
            Step::Link(_) => {}
        }
    }
    // Bits that an ordinary owner can set, and can still read through.
    for (path, (.., mode, time)) in files.iter().chain(&directories).zip(steps) {
        let time = SystemTime::UNIX_EPOCH + Duration::new(u64::from(*time), *time % 1_000_000_000);
        File::open(path).unwrap().set_modified(time).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode & 0o7777 | 0o500)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_tree_comes_back(
        steps in prop::collection::vec(
            (any::<prop::sample::Index>(), "[a-z\u{e4} ]{1,12}|\\.[a-z]{1,3}", step(), any::<u32>(), any::<u32>()),
            0..40,
        )
    ) {
        let place = Place::new();
        let (tree, again) = (place.directory("tree"), place.directory("again"));
        build(&tree, &steps);
        drop(place.write(1, &tree));
        let layer = place.store.find(&key(1)).unwrap().unwrap();
        layer.restore(&File::open(&again).unwrap()).unwrap();
        assert_same(&tree, &again);
        open_all(&tree);
        open_all(&again);
    }
}

/// Lets an ordinary user remove the tree.
fn open_all(directory: &Path) {
    fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            open_all(&entry.path());
        }
    }
}
