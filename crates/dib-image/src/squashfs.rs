//! The tree as a SquashFS file system, made by `mksquashfs`.
//!
//! The crates there are for writing one lose extended attributes or hard links (backhand 0.25 does).

use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::{DeviceKind, DeviceNode, TargetPath};

use crate::ToolError;
use crate::tool::Tool;

const PACKAGE: &str = "squashfs-tools";
/// What the program may take for its queues.
const MEMORY: &str = "128M";
/// Directories of the tree's top whose content is the kernel's.
const EMPTIED: [&str; 2] = ["proc/*", "sys/*"];

/// Making a SquashFS failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SquashFsError {
    /// The program is missing or failed.
    #[error(transparent)]
    Tool(#[from] Box<ToolError>),
    /// The list of device nodes could not be written.
    #[error("failed to write the list of device nodes")]
    List(#[source] io::Error),
    /// A device node's directory is not in the tree.
    #[error("the device node {0} belongs into a directory that the tree does not have")]
    NoDirectory(TargetPath),
    /// A directory stands where a device node belongs.
    #[error("a directory stands where the device node {0} belongs")]
    InTheWay(TargetPath),
}

/// Makes a SquashFS of the tree in the file at `path`, in place of its content: compressed with xz, as upstream does.
///
/// The content of `/proc` and `/sys` is left out. The device nodes of the list take the place of what the tree has there.
/// With `time`, in seconds since 1970, that is the file system's, and that of whatever is younger.
///
/// # Errors
/// When the program is missing or fails, or a device node's directory is not in the tree.
pub fn make_squashfs(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    path: &Utf8Path,
    time: Option<u64>,
) -> Result<(), SquashFsError> {
    let mut list = tempfile::NamedTempFile::new().map_err(SquashFsError::List)?;
    let mut excluded: Vec<String> = EMPTIED.map(str::to_owned).into();
    for node in device_nodes {
        let inside = node.path.to_string();
        let inside = inside.trim_start_matches('/');
        let place = tree.join(inside);
        if !place.parent().is_some_and(Utf8Path::is_dir) {
            return Err(SquashFsError::NoDirectory(node.path.clone()));
        }
        if let Ok(there) = place.symlink_metadata() {
            if there.is_dir() {
                return Err(SquashFsError::InTheWay(node.path.clone()));
            }
            excluded.push(literal(inside));
        }
        writeln!(list, "{}", definition(node, inside)).map_err(SquashFsError::List)?;
    }
    list.flush().map_err(SquashFsError::List)?;
    let list_path = Utf8PathBuf::from_path_buf(list.path().to_owned())
        .map_err(|_| SquashFsError::List(io::ErrorKind::InvalidFilename.into()))?;
    let tool = Tool::new("mksquashfs", PACKAGE)
        .arguments([
            tree.as_str(),
            path.as_str(),
            "-comp",
            "xz",
            "-noappend",
            "-no-recovery",
        ])
        .arguments([
            "-no-progress",
            "-quiet",
            "-mem",
            MEMORY,
            "-pf",
            list_path.as_str(),
        ])
        .arguments(["-wildcards", "-e"])
        .arguments(excluded)
        .at_time(time);
    let finished = tool.run().map_err(Box::new)?;
    Ok(tool.require_success(finished).map_err(Box::new)?)
}

/// Returns the line that defines a device node: upper case, for it has a time.
fn definition(node: &DeviceNode, path: &str) -> String {
    let kind = match node.kind {
        DeviceKind::Character => 'C',
        DeviceKind::Block => 'B',
    };
    let escaped = path.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "\"{escaped}\" {kind} {} {:o} {} {} {} {}",
        node.mtime.clamp(0, u32::MAX.into()),
        node.mode & 0o7777,
        node.uid,
        node.gid,
        node.major,
        node.minor
    )
}

/// Returns a pattern that matches that path alone.
fn literal(path: &str) -> String {
    let mut pattern = String::new();
    for letter in path.chars() {
        if "*?[]\\()|!+@".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, fixture, run_of};

    #[test]
    fn the_tree_is_in_it() {
        let fixture = fixture();
        let path = fixture.scratch.join("image.squashfs");
        make_squashfs(
            &fixture.tree,
            &fixture::device_nodes(),
            &path,
            Some(1_000_000_000),
        )
        .unwrap();
        let list = run_of(PACKAGE, "unsquashfs", &["-lln", path.as_str()]);
        let line = |name: &str| {
            let mut lines = list.lines().filter(|line| line.ends_with(name));
            let line = lines.next().unwrap_or_else(|| panic!("{name} in {list}"));
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            line("/dev/null"),
            "crw-rw-rw- 0/0 1, 3 2001-02-03 04:05 squashfs-root/dev/null"
        );
        assert!(
            line("/dev/loop0").starts_with("brw-rw---- 0/70000 7, 0"),
            "{list}"
        );
        assert!(line("/dev/log").starts_with("crw------- 0/0 1, 11"), "{list}");
        assert!(line("/usr/bin/passwd").starts_with("-rwsr-xr-x"), "{list}");
        assert!(line("/var/mail").starts_with("drwxrwsr-x"), "{list}");
        assert!(
            line("/etc/hostname").ends_with("2001-02-03 04:05 squashfs-root/etc/hostname"),
            "{list}"
        );
        assert!(!list.contains("proc/1") && !list.contains("sys/kernel"), "{list}");
        assert!(
            list.contains("squashfs-root/proc\n") && list.contains("squashfs-root/sys\n"),
            "{list}"
        );
        let again = fixture.scratch.join("again.squashfs");
        make_squashfs(
            &fixture.tree,
            &fixture::device_nodes(),
            &again,
            Some(1_000_000_000),
        )
        .unwrap();
        run_of("diffutils", "cmp", &[path.as_str(), again.as_str()]);
    }

    #[test]
    fn hard_links_and_attributes_come_back() {
        use std::os::unix::fs::MetadataExt;
        let fixture = fixture();
        let path = fixture.scratch.join("image.squashfs");
        make_squashfs(&fixture.tree, &[], &path, None).unwrap();
        let back = fixture.scratch.join("back");
        run_of(
            PACKAGE,
            "unsquashfs",
            &[
                "-no-progress",
                "-d",
                back.as_str(),
                path.as_str(),
                "usr",
                "etc/same",
            ],
        );
        let inode = |path: &str| back.join(path).metadata().unwrap().ino();
        assert_eq!(inode("usr/bin/large"), inode("etc/same"));
        assert_eq!(std::fs::read(back.join("etc/same")).unwrap(), fixture::large());
        let origin = xattr::get(back.join("usr/bin/ping"), "user.origin").unwrap();
        assert_eq!(origin.as_deref(), Some(b"a\0=\nb".as_slice()));
        let capability = xattr::get(back.join("usr/bin/ping"), fixture.capability).unwrap();
        assert_eq!(capability.as_deref(), Some(fixture::NET_RAW.as_slice()));
    }

    #[test]
    fn a_node_needs_its_place() {
        let fixture = fixture();
        let path = fixture.scratch.join("image.squashfs");
        let mut nodes = fixture::device_nodes();
        nodes[0].path = "/missing/null".parse().unwrap();
        let error = make_squashfs(&fixture.tree, &nodes, &path, None).unwrap_err();
        assert!(matches!(error, SquashFsError::NoDirectory(_)), "{error}");
        nodes[0].path = "/dev".parse().unwrap();
        let error = make_squashfs(&fixture.tree, &nodes, &path, None).unwrap_err();
        assert!(matches!(error, SquashFsError::InTheWay(_)), "{error}");
    }

    #[test]
    fn names_stand_for_themselves() {
        assert_eq!(literal("dev/a*[b]"), "dev/a\\*\\[b\\]");
        let mut node = fixture::device_nodes().remove(0);
        node.mode = 0o100_644;
        assert_eq!(
            definition(&node, "dev/a \"b\\"),
            "\"dev/a \\\"b\\\\\" C 981173106 644 0 0 1 3"
        );
    }
}
