//! A disk that is full leaves nothing half.

use std::fs::{self, File};

use dib_layers::{
    ImageTakeError, ImageWriteError, LayerDescription, LayerStore, RestoreError, StoreError, WriteError,
};
use dib_sys::mounts::tmpfs;

use crate::listing::assert_same;
use crate::{Test, in_sandbox, key, temporary_directory};

pub(crate) const TESTS: &[Test] = &[
    (
        "full::a_layer_that_does_not_fit_leaves_nothing",
        a_layer_that_does_not_fit_leaves_nothing,
    ),
    (
        "full::a_tree_that_is_full_is_an_error",
        a_tree_that_is_full_is_an_error,
    ),
    (
        "full::an_image_that_does_not_fit_leaves_nothing",
        an_image_that_does_not_fit_leaves_nothing,
    ),
    (
        "full::an_image_on_a_full_disk_is_an_error",
        an_image_on_a_full_disk_is_an_error,
    ),
];

fn a_layer_that_does_not_fit_leaves_nothing() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let (disk, upper, again) = (
            directory.join("disk"),
            directory.join("upper"),
            directory.join("again"),
        );
        for path in [&disk, &upper, &again] {
            fs::create_dir(path).unwrap();
        }
        tmpfs(&disk, Some("1m")).unwrap();
        let store = LayerStore::open(&disk.join("store"), 1 << 30).unwrap();
        let mut fitted = 0;
        // Sizes at which contents, index, description or nothing fails to fit.
        for size in (800_000..1_100_000).step_by(3_001) {
            fs::write(upper.join("file"), vec![7; size]).unwrap();
            let upper = File::open(&upper).unwrap();
            match store
                .write(&key(1), &upper, &LayerDescription::default())
                .map(drop)
            {
                Ok(()) => {
                    fitted += 1;
                    assert!(store.find(&key(1)).unwrap().is_some());
                    store.prune(0, std::time::Duration::MAX).unwrap();
                }
                Err(WriteError::Store(StoreError::System { action: "write", .. })) => {}
                Err(error) => panic!("{error:?}"),
            }
            let names = fs::read_dir(disk.join("store/v2")).unwrap();
            let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["lock"]);
        }
        assert!(fitted > 0 && fitted < 100, "{fitted} of 100 fitted");

        // What is there stays whole beside what fails.
        fs::write(upper.join("file"), vec![1; 400_000]).unwrap();
        drop(
            store
                .write(
                    &key(1),
                    &File::open(&upper).unwrap(),
                    &LayerDescription::default(),
                )
                .unwrap(),
        );
        let other = directory.join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("file"), vec![2; 900_000]).unwrap();
        let failed = store.write(
            &key(1),
            &File::open(&other).unwrap(),
            &LayerDescription::default(),
        );
        assert!(failed.is_err());
        let layer = store.find(&key(1)).unwrap().unwrap();
        layer.restore(&File::open(&again).unwrap()).unwrap();
        assert_same(upper.as_std_path(), again.as_std_path());
    });
}

fn a_tree_that_is_full_is_an_error() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let (upper, small) = (directory.join("upper"), directory.join("small"));
        fs::create_dir(&upper).unwrap();
        fs::create_dir(&small).unwrap();
        for number in 0..50 {
            fs::write(upper.join(format!("file-{number}")), vec![number; 100_000]).unwrap();
        }
        tmpfs(&small, Some("1m")).unwrap();
        let store = LayerStore::open(&directory.join("store"), 1 << 30).unwrap();
        let layer = store
            .write(
                &key(1),
                &File::open(&upper).unwrap(),
                &LayerDescription::default(),
            )
            .unwrap();
        let error = layer.restore(&File::open(&small).unwrap()).unwrap_err();
        assert!(matches!(error, RestoreError::Entry { .. }), "{error:?}");
        assert!(
            store.find(&key(1)).unwrap().is_some(),
            "the layer is not to blame"
        );
    });
}

fn an_image_that_does_not_fit_leaves_nothing() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let disk = directory.join("disk");
        fs::create_dir(&disk).unwrap();
        tmpfs(&disk, Some("1m")).unwrap();
        let store = LayerStore::open(&disk.join("store"), 1 << 30).unwrap();
        let images = store.images();
        let mut fitted = 0;
        for size in (800_000..1_100_000).step_by(3_001) {
            let made = directory.join("made");
            fs::write(&made, vec![7; size]).unwrap();
            let made = File::open(&made).unwrap();
            match images.write(&key(1), "family", &[("disk", &made)], &serde_json::Value::Null) {
                Ok(image) => {
                    fitted += 1;
                    image.verify().unwrap();
                    drop(image);
                    store.prune(0, std::time::Duration::MAX).unwrap();
                }
                Err(ImageWriteError::Store(StoreError::System { action: "write", .. })) => {}
                Err(error) => panic!("{error:?}"),
            }
            let names = fs::read_dir(disk.join("store/v2")).unwrap();
            let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["lock"]);
        }
        assert!(fitted > 0 && fitted < 100, "{fitted} of 100 fitted");
    });
}

fn an_image_on_a_full_disk_is_an_error() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let (made, small) = (directory.join("made"), directory.join("small"));
        fs::write(&made, vec![7; 3_000_000]).unwrap();
        fs::create_dir(&small).unwrap();
        tmpfs(&small, Some("1m")).unwrap();
        let images = LayerStore::open(&directory.join("store"), 1 << 30)
            .unwrap()
            .images();
        let made = File::open(&made).unwrap();
        let image = images
            .write(&key(1), "family", &[("disk", &made)], &serde_json::Value::Null)
            .unwrap();
        let published = File::create(small.join("published")).unwrap();
        let error = image.take("disk", &published).unwrap_err();
        assert!(
            matches!(error, ImageTakeError::File { action: "write", .. }),
            "{error:?}"
        );
        image.verify().expect("the image is not to blame");
    });
}
