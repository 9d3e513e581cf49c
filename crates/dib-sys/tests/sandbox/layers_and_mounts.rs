//! A tree of layers, and what is mounted in it or holds on to it.

use std::fs::{self, File};
use std::io::Write;

use dib_sys::mounts::{bind, is_mount_point, kernel_file_systems, plain_bind, tmpfs};
use dib_sys::overlay::{KeptReason, Seal};

use crate::fake_root::{path, temporary_directory};
use crate::layers::{Fixture, names};
use crate::{Test, in_sandbox};

pub(crate) const TESTS: &[Test] = &[
    (
        "layers_and_mounts::mounts_stay_in_the_tree",
        mounts_stay_in_the_tree,
    ),
    (
        "layers_and_mounts::hidden_mounts_stay_hidden",
        hidden_mounts_stay_hidden,
    ),
    (
        "layers_and_mounts::what_is_in_use_is_kept",
        what_is_in_use_is_kept,
    ),
    (
        "layers_and_mounts::a_sealed_layer_is_not_written",
        a_sealed_layer_is_not_written,
    ),
];

fn mounts_stay_in_the_tree() {
    let (_guard, directory) = temporary_directory();
    let (_guard, host) = temporary_directory();
    fs::write(host.join("of-host"), "host").unwrap();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        fixture.write("file", "covered");
        fs::create_dir_all(fixture.tree.join("tmp/cache")).unwrap();
        kernel_file_systems(&fixture.root).unwrap();
        bind(&host, &fixture.root, &path("/tmp/cache")).unwrap();
        bind(&host.join("of-host"), &fixture.root, &path("/file")).unwrap();
        fs::create_dir(fixture.tree.join("dev/shm/nested")).unwrap();
        tmpfs(&fixture.tree.join("dev/shm/nested"), None).unwrap();
        fs::write(fixture.tree.join("dev/shm/nested/file"), "nested").unwrap();
        for round in 0..3 {
            fixture.write("etc/changed", &round.to_string());
            let upper = fixture.seal();
            assert_eq!(
                fs::read_to_string(upper.join("etc/changed")).unwrap(),
                round.to_string()
            );
            assert_eq!(fixture.read("tmp/cache/of-host").as_deref(), Some("host"));
            assert_eq!(fixture.read("file").as_deref(), Some("host"));
            assert_eq!(fixture.read("dev/shm/nested/file").as_deref(), Some("nested"));
            for name in ["/proc", "/proc/sys", "/sys", "/dev", "/dev/null", "/dev/pts"] {
                assert!(is_mount_point(&fixture.root, &path(name)).unwrap(), "{name}");
            }
            fs::write(fixture.tree.join("dev/null"), "gone").unwrap();
            assert!(fixture.tree.join("proc/self").exists());
            assert_eq!(names(fixture.layers.join("held")), [""; 0]);
        }
        fs::write(fixture.tree.join("tmp/cache/of-tree"), "").unwrap();
        assert_eq!(names(fixture.stack.sealed()[0].join("tmp/cache")), [""; 0]);
        assert_eq!(
            fs::read_to_string(fixture.stack.sealed()[0].join("file")).unwrap(),
            "covered"
        );
    });
    assert_eq!(names(&host), ["of-host", "of-tree"]);
}

fn hidden_mounts_stay_hidden() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        fs::create_dir_all(fixture.tree.join("a/b")).unwrap();
        let mount = |at: &str, text: &str| {
            tmpfs(&fixture.tree.join(at), None).unwrap();
            fs::write(fixture.tree.join(at).join("file"), text).unwrap();
        };
        mount("a/b", "hidden below");
        mount("a", "first");
        fs::create_dir(fixture.tree.join("a/inner")).unwrap();
        mount("a/inner", "hidden by the second");
        mount("a", "second");
        mount("a", "third");
        for round in ["1", "2"] {
            fixture.write("changed", round);
            fixture.seal();
        }
        let unmount = || nix::mount::umount(fixture.tree.join("a").as_std_path()).unwrap();
        for text in ["third", "second"] {
            assert_eq!(fixture.read("a/file").as_deref(), Some(text));
            unmount();
        }
        assert_eq!(fixture.read("a/file").as_deref(), Some("first"));
        assert_eq!(
            fixture.read("a/inner/file").as_deref(),
            Some("hidden by the second")
        );
        nix::mount::umount(fixture.tree.join("a/inner").as_std_path()).unwrap();
        unmount();
        assert_eq!(fixture.read("a/b/file").as_deref(), Some("hidden below"));
    });
}

fn what_is_in_use_is_kept() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        // First in the plain directory, then in an overlay.
        for round in ["1", "2", "3"] {
            let mut open = File::create(fixture.tree.join("log")).unwrap();
            open.write_all(round.as_bytes()).unwrap();
            let kept = Seal::Kept(KeptReason::InUse);
            assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), kept);
            open.write_all(b" more").unwrap();
            drop(open);

            fs::create_dir_all(fixture.tree.join("view")).unwrap();
            let view = directory.join("view");
            fs::create_dir_all(&view).unwrap();
            plain_bind(&fixture.tree.join("view"), &view).unwrap();
            let kept = Seal::Kept(KeptReason::Bound { at: view.to_string() });
            assert_eq!(fixture.stack.seal(&fixture.root).unwrap(), kept);
            nix::mount::umount(view.as_std_path()).unwrap();

            let upper = fixture.seal();
            assert_eq!(
                fs::read_to_string(upper.join("log")).unwrap(),
                format!("{round} more")
            );
        }
    });
}

fn a_sealed_layer_is_not_written() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let mut fixture = Fixture::on(&directory);
        for round in ["1", "2"] {
            fixture.write("file", round);
            let old = fixture.root.try_clone().unwrap();
            let upper = fixture.seal();
            assert!(old.write(&path("/late"), b"", 0o644).is_err());
            assert!(old.write(&path("/file"), b"", 0o644).is_err());
            assert_eq!(old.read_to_string(&path("/file")).unwrap(), round);
            assert_eq!(names(&upper), ["file"]);
            fixture.root.write(&path("/file"), b"x", 0o644).unwrap();
            assert_eq!(fs::read_to_string(upper.join("file")).unwrap(), round);
        }
    });
}
