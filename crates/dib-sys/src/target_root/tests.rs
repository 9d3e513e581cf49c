//! The target root against ordinary and hostile trees.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

struct Fixture {
    target: TargetRoot,
    inside: TempDir,
    outside: TempDir,
}

/// A target beside a directory that must never change.
fn fixture() -> Fixture {
    let inside = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "host").unwrap();
    fs::create_dir(outside.path().join("directory")).unwrap();
    let target = TargetRoot::open(Utf8Path::from_path(inside.path()).unwrap()).unwrap();
    Fixture {
        target,
        inside,
        outside,
    }
}

impl Fixture {
    fn assert_outside_untouched(&self) {
        let mut names: Vec<_> = fs::read_dir(&self.outside)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["directory", "precious"]);
        assert_eq!(
            fs::read_to_string(self.outside.path().join("precious")).unwrap(),
            "host"
        );
        assert_eq!(
            fs::read_dir(self.outside.path().join("directory"))
                .unwrap()
                .count(),
            0
        );
    }
}

fn path(text: &str) -> TargetPath {
    text.parse().unwrap()
}

#[test]
fn writes_reads_and_replaces() {
    let fixture = fixture();
    let target = &fixture.target;
    target.create_directory_all(&path("/etc/apt"), 0o750).unwrap();
    assert_eq!(target.metadata(&path("/etc/apt")).unwrap().unwrap().mode, 0o750);
    target.write(&path("/etc/apt/conf"), b"one", 0o4711).unwrap();
    let metadata = target.metadata(&path("/etc/apt/conf")).unwrap().unwrap();
    assert_eq!(
        (metadata.kind, metadata.mode, metadata.size),
        (FileKind::Regular, 0o4711, 3)
    );
    target.write(&path("/etc/apt/conf"), b"two!", 0o644).unwrap();
    assert_eq!(target.read_to_string(&path("/etc/apt/conf")).unwrap(), "two!");
    assert_eq!(target.list(&path("/etc/apt")).unwrap(), ["conf"]);
    target.set_mode(&path("/etc/apt/conf"), 0o600).unwrap();
    target.truncate(&path("/etc/apt/conf")).unwrap();
    let metadata = target.metadata(&path("/etc/apt/conf")).unwrap().unwrap();
    assert_eq!((metadata.mode, metadata.size), (0o600, 0));
    target
        .rename(&path("/etc/apt/conf"), &path("/etc/moved"))
        .unwrap();
    assert_eq!(target.metadata(&path("/etc/apt/conf")).unwrap(), None);
    assert!(target.remove_file(&path("/etc/moved")).unwrap());
    assert!(!target.remove_file(&path("/etc/moved")).unwrap());
    assert!(!target.remove_file(&path("/no/such/file")).unwrap());
}

#[test]
fn a_write_names_the_missing_directory() {
    let fixture = fixture();
    let error = fixture.target.write(&path("/etc/apt/x"), b"", 0o644).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to write /etc/apt/x in the target: there is no directory /etc/apt"
    );
    assert!(error.is_not_found());
    fixture.target.create_directory_all(&path("/etc"), 0o755).unwrap();
    let error = fixture.target.write(&path("/etc"), b"", 0o644).unwrap_err();
    assert_eq!(error.to_string(), "failed to write /etc in the target");
    assert_eq!(fixture.target.list(&path("/")).unwrap(), ["etc"]);
    fixture.target.write(&path("/file"), b"", 0o644).unwrap();
    fixture
        .target
        .create_directory_all(&path("/file/below"), 0o755)
        .unwrap_err();
    fixture.target.write(&TargetPath::root(), b"", 0o644).unwrap_err();
}

#[test]
fn links_are_replaced_and_read_not_followed() {
    let fixture = fixture();
    let target = &fixture.target;
    target.write(&path("/real"), b"real", 0o644).unwrap();
    target.symlink("/real", &path("/link")).unwrap();
    assert_eq!(target.read(&path("/link")).unwrap(), b"real");
    assert_eq!(target.read_link(&path("/link")).unwrap(), "/real");
    let metadata = target.metadata(&path("/link")).unwrap().unwrap();
    assert_eq!((metadata.kind, metadata.size), (FileKind::Symlink, 5));
    target.truncate(&path("/link")).unwrap_err();
    target.set_mode(&path("/link"), 0o600).unwrap_err();
    target.symlink("other", &path("/link")).unwrap();
    assert_eq!(target.read_link(&path("/link")).unwrap(), "other");
    target.write(&path("/link"), b"file", 0o644).unwrap();
    assert_eq!(target.read(&path("/real")).unwrap(), b"real");
    assert_eq!(
        target.metadata(&path("/link")).unwrap().unwrap().kind,
        FileKind::Regular
    );
    target.create_directory_all(&path("/directory"), 0o755).unwrap();
    target.symlink("x", &path("/directory")).unwrap_err();
    assert_eq!(target.list(&path("/")).unwrap(), ["directory", "link", "real"]);
}

#[test]
fn directories_linked_inside_are_followed() {
    let fixture = fixture();
    let target = &fixture.target;
    target.create_directory_all(&path("/usr/bin"), 0o755).unwrap();
    target.symlink("/usr/bin", &path("/bin")).unwrap();
    target.symlink("usr/../../usr/lib", &path("/lib")).unwrap();
    target.write(&path("/bin/sh"), b"#", 0o755).unwrap();
    target.create_directory_all(&path("/bin/deep/er"), 0o755).unwrap();
    assert_eq!(target.list(&path("/usr/bin")).unwrap(), ["deep", "sh"]);
    // A dangling link is not a directory, nor is one made where it points.
    target.create_directory_all(&path("/lib/x"), 0o755).unwrap_err();
}

#[test]
fn no_link_leads_out() {
    let fixture = fixture();
    let target = &fixture.target;
    let outside = fixture.outside.path();
    symlink(outside, fixture.inside.path().join("etc")).unwrap();
    let climbing = format!("{}{}", "../".repeat(40), outside.display());
    symlink(&climbing, fixture.inside.path().join("up")).unwrap();
    symlink(outside.join("precious"), fixture.inside.path().join("precious")).unwrap();
    symlink("/proc/self/root", fixture.inside.path().join("magic")).unwrap();
    for link in ["/etc", "/up"] {
        let precious = path(link).join("precious").unwrap();
        assert!(target.read(&precious).unwrap_err().is_not_found());
        assert_eq!(target.metadata(&precious).unwrap(), None);
        target.write(&precious, b"changed", 0o644).unwrap_err();
        target.truncate(&precious).unwrap_err();
        target.set_mode(&precious, 0o777).unwrap_err();
        assert!(!target.remove_file(&precious).unwrap());
        assert!(!target.remove_tree(&precious).unwrap());
        target.rename(&precious, &path("/stolen")).unwrap_err();
        target.symlink("x", &path(link).join("new").unwrap()).unwrap_err();
        target
            .create_directory_all(&path(link).join("new").unwrap(), 0o755)
            .unwrap_err();
        target.list(&path(link)).unwrap_err();
        target
            .walk(&path(link), &mut |_, _| WalkStep::Descend)
            .unwrap_err();
        target.remove_contents(&path(link)).unwrap_err();
        fixture.assert_outside_untouched();
        assert!(target.remove_tree(&path(link)).unwrap());
        fixture.assert_outside_untouched();
    }
    target.truncate(&path("/precious")).unwrap_err();
    target.read(&path("/precious")).unwrap_err();
    target.write(&path("/precious"), b"mine", 0o600).unwrap();
    target.read(&path("/magic/etc/hostname")).unwrap_err();
    fixture.assert_outside_untouched();
}

#[test]
fn a_host_path_made_again_inside_is_the_one_used() {
    let fixture = fixture();
    let outside = fixture.outside.path();
    symlink(outside, fixture.inside.path().join("etc")).unwrap();
    let twin = path(outside.to_str().unwrap());
    fixture.target.create_directory_all(&twin, 0o755).unwrap();
    fixture
        .target
        .write(&path("/etc/precious"), b"target", 0o644)
        .unwrap();
    assert_eq!(
        fixture.target.read(&twin.join("precious").unwrap()).unwrap(),
        b"target"
    );
    fixture.assert_outside_untouched();
}

#[test]
fn circles_and_fifos_are_errors_not_hangs() {
    let fixture = fixture();
    fixture.target.symlink("b", &path("/a")).unwrap();
    fixture.target.symlink("a", &path("/b")).unwrap();
    let error = fixture.target.metadata(&path("/a/x")).unwrap_err();
    assert_eq!(error.to_string(), "failed to look at /a/x in the target");
    nix::unistd::mkfifo(&fixture.inside.path().join("pipe"), Mode::S_IRWXU).unwrap();
    let error = fixture.target.read(&path("/pipe")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to read /pipe in the target: it is a fifo"
    );
    fixture.target.truncate(&path("/pipe")).unwrap_err();
}

#[test]
fn what_chattr_protects_is_removed_as_well() {
    let fixture = fixture();
    let target = &fixture.target;
    target.create_directory_all(&path("/tmp/a/b"), 0o755).unwrap();
    target.write(&path("/tmp/a/b/file"), b"", 0o644).unwrap();
    // Root alone may set them, and not on every file system; else this is a tree like others.
    for name in ["tmp/a/b/file", "tmp/a/b", "tmp/a"] {
        let _ = std::process::Command::new("chattr")
            .arg("+i")
            .arg(fixture.inside.path().join(name))
            .stderr(std::process::Stdio::null())
            .status();
    }
    assert!(target.remove_tree(&path("/tmp")).unwrap());
    assert_eq!(target.list(&path("/")).unwrap(), Vec::<String>::new());
}

#[test]
fn removes_trees_and_contents() {
    let fixture = fixture();
    let target = &fixture.target;
    let outside = fixture.outside.path();
    target.create_directory_all(&path("/tmp/a/b"), 0o755).unwrap();
    target.write(&path("/tmp/a/b/file"), b"", 0o644).unwrap();
    symlink(outside, fixture.inside.path().join("tmp/a/out")).unwrap();
    let odd = std::os::unix::ffi::OsStrExt::from_bytes(b"tmp/odd\xff");
    fs::write(fixture.inside.path().join::<&std::ffi::OsStr>(odd), "").unwrap();
    let error = target.list(&path("/tmp")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the directory /tmp in the target holds a name that is not UTF-8: odd\u{fffd}"
    );
    assert!(target.remove_contents(&path("/tmp")).unwrap());
    assert_eq!(target.list(&path("/tmp")).unwrap(), Vec::<String>::new());
    assert!(!target.remove_contents(&path("/absent")).unwrap());
    target.create_directory_all(&path("/tmp/c/d"), 0o755).unwrap();
    assert!(target.remove_tree(&path("/tmp")).unwrap());
    assert!(!target.remove_tree(&path("/tmp")).unwrap());
    assert_eq!(target.list(&path("/")).unwrap(), Vec::<String>::new());
    target.remove_tree(&path("/")).unwrap_err();
    fixture.assert_outside_untouched();
}

#[test]
fn walks_in_order() {
    let fixture = fixture();
    let target = &fixture.target;
    for directory in ["/b/inner", "/a", "/skipped/inner"] {
        target.create_directory_all(&path(directory), 0o755).unwrap();
    }
    target.write(&path("/b/file"), b"12", 0o644).unwrap();
    target.symlink("b", &path("/link")).unwrap();
    let mut seen = Vec::new();
    target
        .walk(&path("/"), &mut |entry, metadata| {
            seen.push(format!("{entry} {}", metadata.kind));
            if entry == &path("/skipped") {
                WalkStep::Skip
            } else {
                WalkStep::Descend
            }
        })
        .unwrap();
    let expected = [
        "/a a directory",
        "/b a directory",
        "/b/file a regular file",
        "/b/inner a directory",
        "/link a symbolic link",
        "/skipped a directory",
    ];
    assert_eq!(seen, expected);
    let mut count = 0;
    let mut stop_at_second = |_: &TargetPath, _: &Metadata| {
        count += 1;
        if count == 2 {
            WalkStep::Stop
        } else {
            WalkStep::Descend
        }
    };
    target.walk(&path("/"), &mut stop_at_second).unwrap();
    assert_eq!(count, 2);
}

#[test]
fn tells_what_lstat_tells() {
    let fixture = fixture();
    let host = fixture.inside.path().join("file");
    fs::write(&host, "contents").unwrap();
    fs::set_permissions(&host, fs::Permissions::from_mode(0o2640)).unwrap();
    let expected = fs::symlink_metadata(&host).unwrap();
    let metadata = fixture.target.metadata(&path("/file")).unwrap().unwrap();
    assert_eq!((metadata.uid, metadata.gid), (expected.uid(), expected.gid()));
    assert_eq!(
        (metadata.mode, metadata.mtime),
        (expected.mode() & 0o7777, expected.mtime())
    );
    let root = fixture
        .target
        .try_clone()
        .unwrap()
        .metadata(&TargetPath::root())
        .unwrap()
        .unwrap();
    assert_eq!(root.kind, FileKind::Directory);
}

#[test]
fn a_reopened_root_stands_for_another_directory() {
    let Fixture {
        target,
        inside,
        outside,
    } = fixture();
    fs::write(inside.path().join("file"), "one").unwrap();
    fs::write(outside.path().join("file"), "two").unwrap();
    let read = |target: &TargetRoot| target.read_to_string(&"/file".parse().unwrap()).unwrap();
    let clone = target.try_clone().unwrap();
    let borrowed = &target;
    target
        .reopen(Utf8Path::from_path(outside.path()).unwrap())
        .unwrap();
    assert_eq!(read(borrowed), "two");
    assert_eq!(read(&clone), "one");
    let absent = Utf8PathBuf::from_path_buf(outside.path().join("absent")).unwrap();
    assert!(target.reopen(&absent).is_err());
    assert_eq!(read(borrowed), "two");
}
