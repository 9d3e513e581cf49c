//! A tree of layers: what programs see, what is noted in the layers, and what is mounted in the tree.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::TargetRoot;
use dib_sys::mounts::{bind, kernel_file_systems, tmpfs};
use dib_sys::overlay::{KeptReason, LayerStack, LayersError, Seal, probe};

use crate::fake_root::{path, temporary_directory};
use crate::{Test, in_sandbox};

pub(crate) const TESTS: &[Test] = &[
    ("layers::they_work_here", they_work_here),
    ("layers::each_holds_what_changed", each_holds_what_changed),
    ("layers::programs_change_them", programs_change_them),
    ("layers::nothing_changed_is_no_layer", nothing_changed_is_no_layer),
    ("layers::the_root_is_part_of_them", the_root_is_part_of_them),
    (
        "layers::what_was_written_is_discarded",
        what_was_written_is_discarded,
    ),
    ("layers::restored_ones_are_shown", restored_ones_are_shown),
    ("layers::there_may_be_many", there_may_be_many),
];

/// A stack on a tmpfs.
pub(crate) struct Fixture {
    pub(crate) tree: Utf8PathBuf,
    pub(crate) layers: Utf8PathBuf,
    pub(crate) stack: LayerStack,
    pub(crate) root: TargetRoot,
}

impl Fixture {
    pub(crate) fn on(directory: &Utf8Path) -> Self {
        tmpfs(directory, Some("64m")).unwrap();
        let (tree, layers) = (directory.join("mnt"), directory.join("layers, and: more"));
        fs::create_dir(&tree).unwrap();
        fs::create_dir(&layers).unwrap();
        let stack = LayerStack::begin(&tree, &layers).unwrap();
        let root = TargetRoot::open(&tree).unwrap();
        Self {
            tree,
            layers,
            stack,
            root,
        }
    }

    pub(crate) fn seal(&mut self) -> Utf8PathBuf {
        match self.stack.seal(&self.root).unwrap() {
            Seal::Sealed(upper) => upper,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.tree.join(name).parent().unwrap()).unwrap();
        fs::write(self.tree.join(name), text).unwrap();
    }

    /// Reads in the tree by its path and through the handle, which must agree.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.tree.join(name)).ok();
        assert_eq!(self.root.read_to_string(&path(name)).ok(), text, "{name}");
        text
    }
}

pub(crate) fn names(directory: impl AsRef<std::path::Path>) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn is_whiteout(at: impl AsRef<std::path::Path>) -> bool {
    let metadata = fs::symlink_metadata(at).unwrap();
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

fn is_opaque(at: impl AsRef<std::path::Path>) -> bool {
    let at = at.as_ref();
    ["trusted.overlay.opaque", "user.overlay.opaque"]
        .iter()
        .any(|name| xattr::get(at, name).unwrap().as_deref() == Some(b"y"))
}

fn they_work_here() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        probe(&directory).unwrap();
        assert_eq!(names(&directory), [""; 0]);
        let error = probe(&directory.join("absent")).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("failed to prepare {directory}/absent/probe for layers")
        );
        // The kernel takes no upper directory on an overlay.
        let fixture = {
            let inner = directory.join("inner");
            fs::create_dir(&inner).unwrap();
            let mut fixture = Fixture::on(&inner);
            fixture.write("file", "");
            fixture.seal();
            fixture
        };
        let result = probe(&fixture.tree);
        assert!(matches!(result, Err(LayersError::Mount { .. })), "{result:?}");
        assert_eq!(names(&fixture.tree), ["file"]);
    });
}

fn each_holds_what_changed() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        for name in ["etc/a", "etc/b", "usr/share/doc/x/one", "usr/share/doc/x/two"] {
            fixture.write(name, "first");
        }
        symlink("etc/a", fixture.tree.join("link")).unwrap();
        let first = fixture.seal();
        assert_eq!(names(&first), ["etc", "link", "usr"]);
        let mode = |name: &str| fs::metadata(fixture.tree.join(name)).unwrap().mode() & 0o7777;
        fs::set_permissions(fixture.tree.join("etc/b"), fs::Permissions::from_mode(0o4755)).unwrap();
        assert_eq!(mode("etc/b"), 0o4755);
        fixture.write("etc/a", "second");
        fixture.write("etc/c", "second");
        // A directory that is replaced by another one, and a file that is renamed.
        fs::remove_dir_all(fixture.tree.join("usr/share/doc/x")).unwrap();
        fixture.write("usr/share/doc/x/three", "second");
        fs::rename(fixture.tree.join("link"), fixture.tree.join("renamed")).unwrap();
        let second = fixture.seal();
        assert_eq!(names(&second), ["etc", "link", "renamed", "usr"]);
        assert_eq!(names(second.join("etc")), ["a", "b", "c"]);
        assert!(is_whiteout(second.join("link")));
        assert!(is_opaque(second.join("usr/share/doc/x")) && !is_opaque(second.join("usr")));
        assert_eq!(names(second.join("usr/share/doc/x")), ["three"]);

        fixture.write("later", "third");
        fs::remove_file(fixture.tree.join("etc/c")).unwrap();
        assert_eq!(names(&second), ["etc", "link", "renamed", "usr"]);
        assert_eq!(fixture.read("etc/a").as_deref(), Some("second"));
        assert_eq!(fixture.read("renamed").as_deref(), Some("second"));
        assert_eq!(fixture.read("usr/share/doc/x/one"), None);
        assert_eq!(names(fixture.tree.join("usr/share/doc/x")), ["three"]);
        let third = fixture.seal();
        assert_eq!(names(&third), ["etc", "later"]);
        assert!(is_whiteout(third.join("etc/c")));
        assert_eq!(fixture.stack.sealed(), [first, second, third]);
        assert_eq!(names(fixture.tree.join("etc")), ["a", "b"]);
        assert_eq!(
            fs::read_to_string(fixture.stack.sealed()[0].join("etc/a")).unwrap(),
            "first"
        );
        assert_eq!(names(fixture.layers.join("held")), [""; 0]);
    });
}

fn programs_change_them() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        fixture.write("from/below/file", "text");
        fixture.write("one", "linked");
        fs::hard_link(fixture.tree.join("one"), fixture.tree.join("two")).unwrap();
        fixture.seal();
        // The kernel refuses to rename a directory of a layer below; `mv` copies it.
        let error = fs::rename(fixture.tree.join("from"), fixture.tree.join("to")).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::CrossesDevices);
        let script = "set -e; mv from to; mv to back; cp -a back/. copy; rm -r copy/below; echo more >>one";
        let status = Command::new("sh")
            .args(["-c", script])
            .current_dir(&fixture.tree)
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(fixture.read("back/below/file").as_deref(), Some("text"));
        // A hard link to a file of a layer below ends where it is written.
        assert_eq!(fixture.read("one").as_deref(), Some("linkedmore\n"));
        assert_eq!(fixture.read("two").as_deref(), Some("linked"));
        let upper = fixture.seal();
        assert_eq!(names(&upper), ["back", "copy", "from", "one"]);
        assert!(is_whiteout(upper.join("from")));
        assert_eq!(names(upper.join("copy")), [""; 0]);
    });
}

fn nothing_changed_is_no_layer() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), Seal::Unchanged);
        fixture.write("file", "text");
        fixture.seal();
        assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), Seal::Unchanged);
        fixture.write("new/file", "text");
        fs::remove_dir_all(fixture.tree.join("new")).unwrap();
        assert_eq!(fixture.read("file").as_deref(), Some("text"));
        assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), Seal::Unchanged);
        assert_eq!(fixture.stack.sealed().len(), 1);
    });
}

fn the_root_is_part_of_them() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        fixture.write("file", "text");
        fs::set_permissions(&fixture.tree, fs::Permissions::from_mode(0o751)).unwrap();
        xattr::set(&fixture.tree, "user.of-root", b"value").unwrap();
        let modified = fs::metadata(&fixture.tree).unwrap().modified().unwrap();
        fixture.seal();
        let metadata = fs::metadata(&fixture.tree).unwrap();
        assert_eq!(metadata.mode() & 0o7777, 0o751);
        assert_eq!(metadata.modified().unwrap(), modified);
        let attribute = xattr::get(&fixture.tree, "user.of-root").unwrap();
        assert_eq!(attribute.as_deref(), Some(&b"value"[..]));
        fs::set_permissions(&fixture.tree, fs::Permissions::from_mode(0o700)).unwrap();
        let upper = fixture.seal();
        assert_eq!(names(&upper), [""; 0]);
        assert_eq!(fs::metadata(&upper).unwrap().mode() & 0o7777, 0o700);
    });
}

fn what_was_written_is_discarded() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        fixture.write("never", "kept");
        fixture.stack.discard(&fixture.root).unwrap();
        assert_eq!(names(&fixture.tree), [""; 0]);
        fixture.write("etc/file", "kept");
        fs::create_dir_all(fixture.tree.join("mounted")).unwrap();
        tmpfs(&fixture.tree.join("mounted"), None).unwrap();
        fs::write(fixture.tree.join("mounted/file"), "mounted").unwrap();
        fixture.seal();

        fixture.write("etc/file", "wrong");
        fixture.write("etc/other", "wrong");
        fs::set_permissions(&fixture.tree, fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir_all(fixture.tree.join("new/mounted")).unwrap();
        tmpfs(&fixture.tree.join("new/mounted"), None).unwrap();
        bind(&fixture.tree.join("etc"), &fixture.root, &path("/new")).unwrap();
        let _held = File::open(fixture.tree.join("etc/other")).unwrap();
        fixture.stack.discard(&fixture.root).unwrap();
        assert_eq!(fs::metadata(&fixture.tree).unwrap().mode() & 0o7777, 0o755);
        assert_eq!(names(&fixture.tree), ["etc", "mounted"]);
        assert_eq!(names(fixture.tree.join("etc")), ["file"]);
        assert_eq!(fixture.read("etc/file").as_deref(), Some("kept"));
        assert_eq!(fixture.read("mounted/file").as_deref(), Some("mounted"));
        assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), Seal::Unchanged);
        fixture.write("etc/file", "again");
        fixture.seal();
        assert_eq!(fixture.read("etc/file").as_deref(), Some("again"));
        assert_eq!(fixture.stack.sealed().len(), 2);
    });
}

fn restored_ones_are_shown() {
    let (_guard, directory) = temporary_directory();
    let (_guard, elsewhere) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        for text in ["first", "second"] {
            let restored = fixture.stack.directory_to_restore().unwrap();
            fs::write(restored.join("both"), text).unwrap();
            fs::write(restored.join(text), text).unwrap();
            fs::set_permissions(&restored, fs::Permissions::from_mode(0o711)).unwrap();
            fixture.stack.push_restored(&restored).unwrap();
            assert_eq!(names(&fixture.tree), [""; 0]);
        }
        fixture.stack.show_restored(&fixture.root).unwrap();
        assert_eq!(names(&fixture.tree), ["both", "first", "second"]);
        assert_eq!(fixture.read("both").as_deref(), Some("second"));
        assert_eq!(fs::metadata(&fixture.tree).unwrap().mode() & 0o7777, 0o711);
        assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), Seal::Unchanged);
        let third = fixture.stack.directory_to_restore().unwrap();
        fs::write(third.join("third"), "").unwrap();
        fixture.stack.push_restored(&third).unwrap();
        assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), Seal::Unchanged);
        assert!(fixture.tree.join("third").exists());
        fixture.write("fourth", "written");
        let error = fixture.stack.push_restored(&third).unwrap_err().to_string();
        let tree = &fixture.tree;
        assert_eq!(
            error,
            format!("something was written to {tree} already, so no layer can be put below it")
        );
        fixture.seal();
        assert_eq!(fixture.stack.sealed().len(), 4);
        tmpfs(&elsewhere, None).unwrap();
        assert!(matches!(
            fixture.stack.push_restored(&elsewhere),
            Err(LayersError::OtherFileSystem { .. })
        ));
    });
}

fn there_may_be_many() {
    const LAYERS: usize = 60;
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        kernel_file_systems(&fixture.root).unwrap();
        for number in 0..LAYERS {
            fixture.write("etc/number", &number.to_string());
            fixture.write(&format!("files/{number}"), "");
            fixture.seal();
        }
        assert_eq!(fixture.read("etc/number"), Some((LAYERS - 1).to_string()));
        assert_eq!(names(fixture.tree.join("files")).len(), LAYERS);
        assert_eq!(fixture.stack.sealed().len(), LAYERS);
        // Up to the limit all at once, and no further.
        loop {
            let restored = fixture.stack.directory_to_restore().unwrap();
            match fixture.stack.push_restored(&restored) {
                Ok(()) => {}
                Err(LayersError::TooMany { most }) => {
                    assert_eq!(fixture.stack.sealed().len(), most);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        fixture.stack.show_restored(&fixture.root).unwrap();
        assert_eq!(fixture.read("etc/number"), Some((LAYERS - 1).to_string()));
        fixture.write("one-more", "");
        let kept = Seal::Kept(KeptReason::Full);
        assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), kept);
        fixture.stack.unmount().unwrap();
        assert_eq!(names(&fixture.tree), [""; 0]);
    });
}
