//! Mounts in a target, also in a hostile one.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::SystemTime;

use camino::Utf8Path;
use dib_sys::TargetRoot;
use dib_sys::mounts::{
    bind, bind_read_only_recursive, is_mount_point, kernel_file_systems, plain_bind, tmpfs, unmount,
    unmount_all, unmount_kernel_file_systems,
};

use crate::fake_root::{path, temporary_directory};
use crate::{Test, in_sandbox};

pub(crate) const TESTS: &[Test] = &[
    ("mounts::a_bind_is_found_and_removed", a_bind_is_found_and_removed),
    (
        "mounts::a_bind_follows_links_inside_the_target_alone",
        a_bind_follows_links_inside_the_target_alone,
    ),
    ("mounts::a_file_is_bound_on_a_file", a_file_is_bound_on_a_file),
    (
        "mounts::a_read_only_bind_is_so_below_too",
        a_read_only_bind_is_so_below_too,
    ),
    (
        "mounts::a_plain_bind_shows_the_tree_without_mounts",
        a_plain_bind_shows_the_tree_without_mounts,
    ),
    (
        "mounts::programs_get_the_kernels_file_systems",
        programs_get_the_kernels_file_systems,
    ),
    (
        "mounts::the_kernels_file_systems_stay_in_a_hostile_target",
        the_kernels_file_systems_stay_in_a_hostile_target,
    ),
    ("mounts::errors_name_both_sides", errors_name_both_sides),
];

fn a_bind_is_found_and_removed() {
    let (_guard, directory) = temporary_directory();
    let (_guard, source) = temporary_directory();
    fs::write(source.join("file"), "of the host").unwrap();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let root = TargetRoot::open(&directory).unwrap();
        let at = path("/tmp/ccache");
        assert!(!is_mount_point(&root, &at).unwrap(), "it is absent");
        root.create_directory_all(&at, 0o755).unwrap();
        assert!(!is_mount_point(&root, &at).unwrap());
        bind(&source, &root, &at).unwrap();
        assert!(is_mount_point(&root, &at).unwrap());
        assert!(!is_mount_point(&root, &path("/tmp")).unwrap());
        assert_eq!(
            root.read_to_string(&path("/tmp/ccache/file")).unwrap(),
            "of the host"
        );
        root.write(&path("/tmp/ccache/new"), b"of the target", 0o644)
            .unwrap();
        unmount(&root, &at).unwrap();
        assert!(!is_mount_point(&root, &at).unwrap());
        assert!(unmount(&root, &at).is_err());
        bind(&source, &root, &at).unwrap();
        bind(&source, &root, &at).unwrap();
        unmount_all(&root).unwrap();
        assert!(!is_mount_point(&root, &at).unwrap());
    });
    assert_eq!(fs::read_to_string(source.join("new")).unwrap(), "of the target");
}

fn a_bind_follows_links_inside_the_target_alone() {
    let (_guard, directory) = temporary_directory();
    let (_guard, source) = temporary_directory();
    fs::write(source.join("file"), "").unwrap();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let root = TargetRoot::open(&directory).unwrap();
        symlink("/etc", directory.join("etc")).unwrap();
        symlink("../../../../../../../../etc", directory.join("climbs")).unwrap();
        for link in ["/etc", "/climbs"] {
            // Inside, both stand for a directory of the target that is not there, or loop; the host's is untouched.
            assert!(bind(&source, &root, &path(link)).is_err());
            assert!(!Utf8Path::new("/etc/file").exists());
        }
        fs::remove_file(directory.join("etc")).unwrap();
        fs::create_dir(directory.join("etc")).unwrap();
        bind(&source, &root, &path("/climbs")).unwrap();
        assert!(is_mount_point(&root, &path("/etc")).unwrap());
        assert!(directory.join("etc/file").exists() && !Utf8Path::new("/etc/file").exists());
        unmount(&root, &path("/climbs")).unwrap();
        assert!(!is_mount_point(&root, &path("/etc")).unwrap());
    });
}

fn a_file_is_bound_on_a_file() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let root = TargetRoot::open(&directory).unwrap();
        root.write(&path("source"), b"one", 0o644).unwrap();
        root.write(&path("at"), b"two", 0o644).unwrap();
        bind(&directory.join("source"), &root, &path("at")).unwrap();
        assert!(is_mount_point(&root, &path("at")).unwrap());
        assert_eq!(root.read_to_string(&path("at")).unwrap(), "one");
    });
}

fn a_read_only_bind_is_so_below_too() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let root = TargetRoot::open(&directory).unwrap();
        for name in ["source/below", "at"] {
            root.create_directory_all(&path(name), 0o755).unwrap();
        }
        tmpfs(&directory.join("source/below"), None).unwrap();
        bind_read_only_recursive(&directory.join("source"), &root, &path("at")).unwrap();
        for name in ["at/file", "at/below/file"] {
            let error = fs::write(directory.join(name), "").unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
        }
        fs::write(directory.join("source/below/file"), "").unwrap();
    });
}

fn a_plain_bind_shows_the_tree_without_mounts() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        for name in ["tree/proc", "bare"] {
            fs::create_dir_all(directory.join(name)).unwrap();
        }
        tmpfs(&directory.join("tree/proc"), None).unwrap();
        fs::write(directory.join("tree/proc/mounted"), "").unwrap();
        plain_bind(&directory.join("tree"), &directory.join("bare")).unwrap();
        assert!(directory.join("bare/proc").is_dir());
        assert!(!directory.join("bare/proc/mounted").exists());
    });
}

fn programs_get_the_kernels_file_systems() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let root = TargetRoot::open(&directory).unwrap();
        kernel_file_systems(&root).unwrap();
        // A second call finds everything there.
        kernel_file_systems(&root).unwrap();
        for name in [
            "/proc",
            "/proc/sys",
            "/sys",
            "/dev",
            "/dev/null",
            "/dev/tty",
            "/dev/shm",
            "/dev/pts",
        ] {
            assert!(is_mount_point(&root, &path(name)).unwrap(), "{name}");
        }
        fs::write(directory.join("dev/null"), "gone").unwrap();
        assert_eq!(fs::read(directory.join("dev/null")).unwrap(), b"");
        assert_eq!(
            fs::read_link(directory.join("dev/ptmx")).unwrap(),
            Utf8Path::new("pts/ptmx")
        );
        assert!(fs::File::open(directory.join("dev/pts/ptmx")).is_ok());
        assert!(!directory.join("dev/console").exists());
        fs::write(directory.join("dev/shm/file"), "").unwrap();
        assert!(directory.join("proc/self").exists() && directory.join("sys/kernel").exists());
        // An ordinary user could not write it anyway, but the mount itself must refuse.
        let settings = nix::sys::statvfs::statvfs(directory.join("proc/sys").as_std_path()).unwrap();
        assert!(settings.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY));
        unmount_kernel_file_systems(&root).unwrap();
        unmount_kernel_file_systems(&root).unwrap();
        for name in ["proc", "sys", "dev"] {
            assert_eq!(fs::read_dir(directory.join(name)).unwrap().count(), 0, "{name}");
        }
    });
}

fn the_kernels_file_systems_stay_in_a_hostile_target() {
    let (_guard, directory) = temporary_directory();
    let (_guard, host) = temporary_directory();
    let before: SystemTime = fs::metadata(&host).unwrap().modified().unwrap();
    in_sandbox(|| {
        tmpfs(&directory, None).unwrap();
        let root = TargetRoot::open(&directory).unwrap();
        for name in ["proc", "sys", "dev"] {
            symlink(&host, directory.join(name)).unwrap();
        }
        // Whether it makes the directory the links name inside the target, or refuses, the host's stays as it was.
        let _ = kernel_file_systems(&root);
        assert_eq!(fs::read_dir(&host).unwrap().count(), 0);
    });
    assert_eq!(fs::metadata(&host).unwrap().modified().unwrap(), before);
}

fn errors_name_both_sides() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let root = TargetRoot::open(&directory).unwrap();
        let message = |source: &Utf8Path, at| bind(source, &root, &path(at)).unwrap_err().to_string();
        let absent = directory.join("absent");
        assert_eq!(
            message(&absent, "/"),
            format!("failed to take {absent} for a bind mount")
        );
        assert_eq!(
            message(&directory, "/absent"),
            "failed to open the mount point /absent in the target"
        );
        let file = directory.join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(
            message(&file, "/"),
            format!("failed to mount {file} on / in the target")
        );
        let error = tmpfs(&file, Some("1m")).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("failed to mount tmpfs (mode=0755,size=1m) on {file}")
        );
    });
}
