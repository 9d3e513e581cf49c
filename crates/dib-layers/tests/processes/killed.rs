//! Processes that share a store, and are killed at any moment.
//!
//! What a layer or an image of a key must hold follows from the key, so a wrong, missing or half one shows.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use camino::Utf8Path;
use dib_layers::{ImageRecord, ImageWriteError, Layer, LayerDescription, LayerStore, WriteError};

use crate::listing::assert_same;
use crate::{Test, key, temporary_directory};

pub(crate) const TESTS: &[Test] = &[
    (
        "killed::a_killed_writer_leaves_whole_layers_only",
        a_killed_writer_leaves_whole_layers_only,
    ),
    (
        "killed::eight_processes_share_a_store",
        eight_processes_share_a_store,
    ),
];

const KEYS: u8 = 12;
const LIMIT: u64 = 6 << 20;

/// Makes the trees of all keys; the sizes are from a few bytes to more than a pack's chunk.
fn make_trees(directory: &Utf8Path) {
    for number in 0..KEYS {
        let tree = directory.join("trees").join(number.to_string());
        fs::create_dir_all(tree.join("directory")).unwrap();
        for file in 0..=number {
            let contents = vec![number; 1000 * usize::from(file) * usize::from(number)];
            fs::write(tree.join(format!("directory/{file}")), contents).unwrap();
        }
        fs::write(tree.join("large"), vec![number; 150_000 * usize::from(number)]).unwrap();
        fs::hard_link(tree.join("large"), tree.join("linked")).unwrap();
    }
}

fn tree(directory: &Utf8Path, number: u8) -> std::path::PathBuf {
    directory
        .join("trees")
        .join(number.to_string())
        .into_std_path_buf()
}

fn open(directory: &Utf8Path) -> LayerStore {
    LayerStore::open(&directory.join("store"), LIMIT).unwrap()
}

fn write(store: &LayerStore, directory: &Utf8Path, number: u8) -> Option<Layer> {
    let upper = File::open(tree(directory, number)).unwrap();
    match store.write(&key(number), &upper, &LayerDescription::default()) {
        Ok(layer) => Some(layer),
        // Others use what could make way.
        Err(WriteError::NoRoom { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// Keeps two files of a key's tree as its image.
fn write_image(store: &LayerStore, directory: &Utf8Path, number: u8) -> Option<ImageRecord> {
    let tree = tree(directory, number);
    let large = File::open(tree.join("large")).unwrap();
    let small = File::open(tree.join("directory/0")).unwrap();
    let files = [("large", &large), ("small", &small)];
    let family = if number.is_multiple_of(2) { "even" } else { "odd" };
    match store
        .images()
        .write(&key(number), family, &files, &serde_json::json!(number))
    {
        Ok(image) => Some(image),
        // Others use what could make way.
        Err(ImageWriteError::NoRoom { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// Takes an image's files and compares them to those of its tree.
fn check_image(image: &ImageRecord, tree: &Path) {
    for (name, path) in [("large", "large"), ("small", "directory/0")] {
        let into = tempfile::NamedTempFile::new().unwrap();
        image.take(name, into.as_file()).unwrap();
        let expected = fs::read(tree.join(path)).unwrap();
        assert!(fs::read(into.path()).unwrap() == expected, "{name}");
    }
}

/// Restores a layer and compares it to its tree.
fn check(layer: &Layer, tree: &Path) {
    let into = tempfile::tempdir().unwrap();
    layer.restore(&File::open(into.path()).unwrap()).unwrap();
    assert_same(tree, into.path());
}

/// Is one of the processes: writes for ever, or works so many rounds like builds that share a store.
pub(crate) fn play(role: &str, arguments: &[String]) {
    let directory = Utf8Path::new(&arguments[0]);
    let mut random: u64 = arguments[1].parse().unwrap();
    // A process that is started anew opens the store anew.
    let store = open(directory);
    if role == "writer" {
        for number in (0..KEYS).cycle() {
            drop(write(&store, directory, number));
            drop(write_image(&store, directory, number));
        }
    }
    for _ in 0..ROUNDS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let number = u8::try_from((random >> 33) % u64::from(KEYS)).unwrap();
        match (random >> 60) % 8 {
            0 => drop(store.prune(LIMIT / 2, Duration::MAX).unwrap()),
            1 => assert!(
                store
                    .verify()
                    .unwrap()
                    .iter()
                    .all(|verified| verified.damage.is_none())
            ),
            2 => {
                drop(store.layers().unwrap());
                drop(store.images().candidates("odd").unwrap());
            }
            3 | 4 => {
                let found = store.images().find(&key(number)).unwrap();
                if let Some(image) = found.or_else(|| write_image(&store, directory, number)) {
                    check_image(&image, &tree(directory, number));
                }
            }
            // As a build does: what is there is used, what is not is made.
            _ => {
                let found = store.find(&key(number)).unwrap();
                if let Some(layer) = found.or_else(|| write(&store, directory, number)) {
                    check(&layer, &tree(directory, number));
                }
            }
        }
        let size = store.prune(u64::MAX, Duration::MAX).unwrap().size;
        assert!(size <= LIMIT, "the store has {size} bytes");
    }
}

const ROUNDS: usize = 25;

fn start(role: &str, directory: &Utf8Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg(format!("--role={role}"))
        .args([directory.as_str(), &seed.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// Asserts that the store holds whole layers and images and nothing else, and returns how many of each.
fn check_store(directory: &Utf8Path) -> (usize, usize) {
    let store = open(directory);
    for entry in fs::read_dir(directory.join("store/v2")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with(".unfinished-"), "{name} was left");
    }
    let (mut found, mut found_images) = (0, 0);
    for number in 0..KEYS {
        if let Some(layer) = store.find(&key(number)).unwrap() {
            check(&layer, &tree(directory, number));
            found += 1;
        }
        if let Some(image) = store.images().find(&key(number)).unwrap() {
            check_image(&image, &tree(directory, number));
            found_images += 1;
        }
    }
    (found, found_images)
}

fn a_killed_writer_leaves_whole_layers_only() {
    let (_guard, directory) = temporary_directory();
    make_trees(&directory);
    let (mut found, mut found_images) = (0, 0);
    for round in 0..60 {
        let mut writer = start("writer", &directory, 0);
        sleep(Duration::from_micros(round * 1300));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let (layers, images) = check_store(&directory);
        found += layers;
        found_images += images;
    }
    assert!(found > 0 && found_images > 0, "no writer came to write anything");
}

fn eight_processes_share_a_store() {
    let (_guard, directory) = temporary_directory();
    make_trees(&directory);
    let mut processes: Vec<Child> = (0..8).map(|seed| start("build", &directory, seed)).collect();
    // Some of them are killed and run again, while the others go on.
    for round in 0..16_u64 {
        sleep(Duration::from_millis(20 + round * 3));
        let one = usize::try_from(round * 5 % 8).unwrap();
        processes[one].kill().unwrap();
        processes[one].wait().unwrap();
        processes[one] = start("build", &directory, 100 + round);
    }
    for mut process in processes {
        assert!(process.wait().unwrap().success(), "the panic is above");
    }
    assert!(check_store(&directory).0 > 0);
}
