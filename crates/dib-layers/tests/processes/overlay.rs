//! Upper directories of real overlays come back, and do again what they did.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use dib_layers::{LayerDescription, LayerStore};
use dib_sys::TargetRoot;
use dib_sys::mounts::tmpfs;
use dib_sys::overlay::{LayerStack, Seal};
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use rustix::fs::{XattrFlags, setxattr};

use crate::listing::listing;
use crate::{Test, in_sandbox, key, temporary_directory};

pub(crate) const TESTS: &[Test] = &[
    (
        "overlay::layers_come_back_and_do_the_same",
        layers_come_back_and_do_the_same,
    ),
    (
        "overlay::owners_and_capabilities_come_back",
        owners_and_capabilities_come_back,
    ),
    (
        "overlay::another_users_store_is_refused",
        another_users_store_is_refused,
    ),
];

/// `security.capability` with `cap_net_raw=ep`, version 2: `linux/capability.h`.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Makes a tmpfs with a store's directory and an empty tree.
fn place(directory: &Utf8Path) -> LayerStore {
    tmpfs(directory, None).unwrap();
    LayerStore::open(&directory.join("store"), 1 << 30).unwrap()
}

fn begin(directory: &Utf8Path, name: &str) -> (LayerStack, TargetRoot, Utf8PathBuf) {
    let (tree, layers) = (directory.join(name), directory.join(format!("{name}-layers")));
    fs::create_dir(&tree).unwrap();
    fs::create_dir(&layers).unwrap();
    let stack = LayerStack::begin(&tree, &layers).unwrap();
    let root = TargetRoot::open(&tree).unwrap();
    (stack, root, tree)
}

fn seal(stack: &mut LayerStack, root: &TargetRoot) -> Utf8PathBuf {
    match stack.seal(root).unwrap() {
        Seal::Sealed(upper) => upper,
        other => panic!("{other:?}"),
    }
}

/// Lists an upper directory without what a pack leaves out.
fn kept(upper: &Path) -> Vec<(String, String)> {
    let words = |line: String| -> String {
        let is_kept = |word: &&str| {
            let left_out = ["origin=", "impure=", "uuid=", "nlink=", "upper="];
            !left_out
                .iter()
                .any(|name| word.contains(&format!(".overlay.{name}")))
        };
        line.split(' ').filter(is_kept).collect::<Vec<_>>().join(" ")
    };
    listing(upper)
        .into_iter()
        .map(|(name, line)| (name, words(line)))
        .collect()
}

fn layers_come_back_and_do_the_same() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let store = place(&directory);
        let (mut stack, root, tree) = begin(&directory, "tree");
        for name in ["removed", "replaced/inner", "emptied", "kept"] {
            fs::create_dir_all(tree.join(name)).unwrap();
            fs::write(tree.join(name).join("file"), name).unwrap();
        }
        let first = seal(&mut stack, &root);
        fs::remove_dir_all(tree.join("removed")).unwrap();
        fs::remove_dir_all(tree.join("replaced")).unwrap();
        fs::create_dir(tree.join("replaced")).unwrap();
        fs::write(tree.join("replaced/new"), "new").unwrap();
        fs::remove_file(tree.join("emptied/file")).unwrap();
        fs::write(tree.join("kept/file"), "changed").unwrap();
        fs::hard_link(tree.join("kept/file"), tree.join("linked")).unwrap();
        symlink("linked", tree.join("link")).unwrap();
        let second = seal(&mut stack, &root);

        let whiteout = fs::symlink_metadata(second.join("removed")).unwrap();
        assert!(
            whiteout.file_type().is_char_device(),
            "there is a whiteout to try"
        );
        let opaque =
            |upper: &Utf8Path| listing(upper.as_std_path())["replaced"].contains(".overlay.opaque=y");
        assert!(opaque(&second), "there is an opaque directory to try");

        let (mut again, again_root, again_tree) = begin(&directory, "again");
        for (number, upper) in (0..).zip([&first, &second]) {
            let description = LayerDescription::default();
            drop(
                store
                    .write(&key(number), &File::open(upper).unwrap(), &description)
                    .unwrap(),
            );
            let layer = store.find(&key(number)).unwrap().unwrap();
            let restored = again.directory_to_restore().unwrap();
            layer.restore(&File::open(&restored).unwrap()).unwrap();
            assert_eq!(kept(upper.as_std_path()), kept(restored.as_std_path()));
            let whiteouts = layer.paths().unwrap().into_iter().filter(|path| path.is_whiteout);
            let whiteouts: Vec<String> = whiteouts.map(|path| path.path).collect();
            let expected: &[&str] = if number == 0 {
                &[]
            } else {
                &["/removed", "/emptied/file"]
            };
            assert_eq!(whiteouts, expected);
            again.push_restored(&restored).unwrap();
        }
        again.show_restored(&again_root).unwrap();
        assert_eq!(kept(tree.as_std_path()), kept(again_tree.as_std_path()));
        assert!(!again_tree.join("removed").exists());
        assert!(!again_tree.join("replaced/inner").exists());
        assert_eq!(fs::read_to_string(again_tree.join("link")).unwrap(), "changed");
    });
}

fn owners_and_capabilities_come_back() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let store = place(&directory);
        let upper = directory.join("upper");
        fs::create_dir(&upper).unwrap();
        fs::write(upper.join("ping"), "#!").unwrap();
        setxattr(
            upper.join("ping").as_std_path(),
            "security.capability",
            &CAPABILITY,
            XattrFlags::empty(),
        )
        .unwrap();
        fs::write(upper.join("of others"), "x").unwrap();
        chown(upper.join("of others"), Some(3), Some(8)).unwrap();
        fs::set_permissions(upper.join("of others"), Permissions::from_mode(0o6755)).unwrap();
        fs::write(upper.join("closed"), "x").unwrap();
        fs::set_permissions(upper.join("closed"), Permissions::from_mode(0o000)).unwrap();
        symlink("x", upper.join("link of others")).unwrap();
        lchown(upper.join("link of others"), Some(5), Some(6)).unwrap();
        fs::create_dir(upper.join("mail")).unwrap();
        chown(upper.join("mail"), Some(0), Some(8)).unwrap();
        fs::set_permissions(upper.join("mail"), Permissions::from_mode(0o3775)).unwrap();
        chown(&upper, Some(1), Some(1)).unwrap();
        // Device nodes are root's alone; a user namespace has whiteouts only, which the other test has.
        let device = mknod(
            upper.join("null").as_std_path(),
            SFlag::S_IFCHR,
            Mode::S_IRUSR,
            makedev(1, 3),
        );
        match device {
            Ok(()) => {
                let block = mknod(
                    upper.join("disk").as_std_path(),
                    SFlag::S_IFBLK,
                    Mode::S_IRUSR,
                    makedev(8, 1),
                );
                block.unwrap();
            }
            Err(errno) => assert_eq!(errno, Errno::EPERM),
        }
        drop(
            store
                .write(
                    &key(1),
                    &File::open(&upper).unwrap(),
                    &LayerDescription::default(),
                )
                .unwrap(),
        );
        let again = directory.join("again");
        fs::create_dir(&again).unwrap();
        let layer = store.find(&key(1)).unwrap().unwrap();
        layer.restore(&File::open(&again).unwrap()).unwrap();
        assert_eq!(kept(upper.as_std_path()), kept(again.as_std_path()));
        let ping = &listing(again.as_std_path())["ping"];
        assert!(ping.contains("security.capability="), "{ping}");
    });
}

fn another_users_store_is_refused() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        drop(place(&directory));
        for part in ["store/v2", "store"] {
            chown(directory.join(part), Some(7), None).unwrap();
            let error = LayerStore::open(&directory.join("store"), 0)
                .unwrap_err()
                .to_string();
            assert!(error.contains("belongs to user 7, not to user 0"), "{error}");
        }
    });
}
