//! A tree with one of everything, for the tests.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output};
use std::time::{Duration, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::{DeviceKind, DeviceNode};

/// `cap_net_raw=ep` as revision 2 (linux/capability.h, `struct vfs_cap_data`).
pub(crate) const NET_RAW: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
pub(crate) const NOT_UTF8: &[u8] = b"etc/not-utf8-\xff";
pub(crate) const LONG_NAME: &str = "a-name-as-long-as-can-be";

pub(crate) struct Fixture {
    _guard: tempfile::TempDir,
    /// A directory for whatever a test writes, outside the tree.
    pub(crate) scratch: Utf8PathBuf,
    pub(crate) tree: Utf8PathBuf,
    /// The attribute in which `usr/bin/ping` bears [`NET_RAW`]: the real one where the user may set it.
    pub(crate) capability: &'static str,
}

pub(crate) fn fixture() -> Fixture {
    let guard = tempfile::tempdir().unwrap();
    let scratch = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let tree = scratch.join("tree");
    for directory in ["", "dev", "proc/1", "sys/kernel", "usr/bin", "var/mail", "etc"] {
        fs::create_dir_all(tree.join(directory)).unwrap();
    }
    for (file, content) in [
        ("etc/hostname", "fixture\n"),
        ("etc/empty", ""),
        ("proc/1/status", "not the image's"),
        ("usr/bin/passwd", "#!/bin/sh\n"),
        ("usr/bin/ping", "ELF"),
    ] {
        fs::write(tree.join(file), content).unwrap();
    }
    fs::write(tree.join("usr/bin/large"), large()).unwrap();
    fs::write(tree.join_os(OsStr::from_bytes(NOT_UTF8)), "x").unwrap();
    fs::write(tree.join(long_name()), "long").unwrap();
    fs::hard_link(tree.join("usr/bin/large"), tree.join("etc/same")).unwrap();
    symlink("/usr/bin", tree.join("bin")).unwrap();
    symlink(format!("/{}", long_name()), tree.join("etc/far")).unwrap();
    nix::unistd::mkfifo(
        tree.join("etc/pipe").as_std_path(),
        nix::sys::stat::Mode::from_bits_truncate(0o640),
    )
    .unwrap();
    drop(std::os::unix::net::UnixListener::bind(tree.join("dev/log")).unwrap());

    let attribute = |name, value: &[u8]| xattr::set(tree.join("usr/bin/ping"), name, value);
    attribute("user.origin", b"a\0=\nb").expect("the temporary directory's file system has user attributes");
    let capability = if attribute("security.capability", &NET_RAW).is_ok() {
        "security.capability"
    } else {
        "user.capability"
    };
    attribute(capability, &NET_RAW).unwrap();
    for (path, mode) in [
        ("usr/bin/passwd", 0o4755),
        ("var/mail", 0o2775),
        ("etc/hostname", 0o600),
        ("", 0o711),
    ] {
        fs::set_permissions(tree.join(path), Permissions::from_mode(mode)).unwrap();
    }
    let time = UNIX_EPOCH + Duration::new(981_173_106, 120_000_000);
    for path in ["etc/hostname", ""] {
        fs::File::open(tree.join(path))
            .unwrap()
            .set_modified(time)
            .unwrap();
    }
    Fixture {
        _guard: guard,
        scratch,
        tree,
        capability,
    }
}

pub(crate) fn large() -> Vec<u8> {
    (0..700_001_u32)
        .flat_map(|number| (number / 7).to_le_bytes()[..1].to_owned())
        .collect()
}

pub(crate) fn long_name() -> String {
    format!("var/{}", [LONG_NAME; 8].join("-"))
}

pub(crate) fn device_nodes() -> Vec<DeviceNode> {
    let node = |path: &str, kind, major, minor, mode, gid| DeviceNode {
        path: path.parse().unwrap(),
        kind,
        major,
        minor,
        mode,
        uid: 0,
        gid,
        mtime: 981_173_106,
    };
    vec![
        node("/dev/null", DeviceKind::Character, 1, 3, 0o666, 0),
        node("/dev/loop0", DeviceKind::Block, 7, 0, 0o660, 70_000),
        // It takes the place of the socket that stands there.
        node("/dev/log", DeviceKind::Character, 1, 11, 0o600, 0),
    ]
}

/// Runs a program that `cargo xtask test` needs, and returns what it printed when it succeeded.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let package = if program == "qemu-img" {
        "qemu-utils"
    } else {
        "e2fsprogs"
    };
    run_of(package, program, arguments)
}

/// Runs a program of another package, and returns what it printed when it succeeded.
pub(crate) fn run_of(package: &str, program: &str, arguments: &[&str]) -> String {
    let output: Output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; the tests need the package {package}"));
    let (out, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{out}{error}",
        output.status
    );
    out.into_owned()
}

/// Asserts that a file system is sound.
pub(crate) fn check_ext4(image: &Utf8Path) {
    run("e2fsck", &["-fn", image.as_str()]);
}
