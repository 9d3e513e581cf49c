//! Device nodes that scripts make where the kernel lets nobody make one.
//!
//! Our `mknod` notes each in a file and lends the tree the host's, by a mount. They last as long as the phase; then they
//! travel beside the tree, as those of archives do, into the image.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{HookContext, HookError};
use dib_sys::{DeviceKind, DeviceNode};

/// The file's name in the build's directory.
const NOTES: &str = "device-nodes";

/// Lends the tree what is noted and not there: a script may have mounted it in a namespace of its own, or have found that
/// it can't make any.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn lend(ctx: &HookContext<'_>) -> Result<(), HookError> {
    for (path, note) in noted(ctx)? {
        let there = ctx.metadata(&path)?;
        match (note, there) {
            (Note::Directory, None) => ctx.create_directory(&path)?,
            (Note::Link(points_to), None) => ctx.symlink(&points_to, &path)?,
            (Note::Node(node), there) => {
                let of_host = Utf8Path::new("/dev").join(node.path.file_name().unwrap_or_default());
                if there.is_none() {
                    ctx.write(&path, "", node.mode)?;
                } else if there.is_some_and(|metadata| metadata.size > 0) || ctx.is_mounted(&path)? {
                    continue;
                }
                if of_host.exists() {
                    ctx.bind_mount(&of_host, &path)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Takes the device nodes that the tree was lent into the image.
///
/// # Errors
/// When the kernel refuses, or what stood for one can't be removed.
pub(crate) fn keep(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let mut kept = Vec::new();
    for (path, note) in noted(ctx)? {
        let Note::Node(node) = note else { continue };
        if ctx.is_mounted(&path)? {
            ctx.unmount(&path)?;
        }
        // A script may have removed it, or put something else in its place.
        if let Some(stand_in) = ctx.metadata(&path)?.filter(|metadata| metadata.size == 0) {
            ctx.remove(&path)?;
            kept.push(DeviceNode {
                mtime: stand_in.mtime,
                ..node
            });
        }
    }
    ctx.add_device_nodes(kept);
    if let Some(notes) = notes(ctx).filter(|notes| notes.exists()) {
        fs::remove_file(&notes).map_err(|source| HookError::Host {
            action: "remove",
            path: notes.to_string(),
            source,
        })?;
    }
    Ok(())
}

fn notes(ctx: &HookContext<'_>) -> Option<Utf8PathBuf> {
    Some(Utf8Path::new(ctx.variable("TMP_BUILD_DIR")?).join(NOTES))
}

/// What is to stand at a path of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Note {
    /// A device node.
    Node(DeviceNode),
    /// A directory.
    Directory,
    /// A symbolic link with this text.
    Link(String),
}

/// Returns what is noted of the tree, by path; the last note of a path counts.
fn noted(ctx: &HookContext<'_>) -> Result<BTreeMap<String, Note>, HookError> {
    let (Some(notes), Some(tree)) = (notes(ctx), ctx.variable("TMP_MOUNT_PATH")) else {
        return Ok(BTreeMap::new());
    };
    if !notes.exists() {
        return Ok(BTreeMap::new());
    }
    let text = fs::read_to_string(&notes).map_err(|source| HookError::Host {
        action: "read",
        path: notes.to_string(),
        source,
    })?;
    Ok(text
        .lines()
        .filter_map(|line| note(line, Utf8Path::new(tree)))
        .collect())
}

/// Reads a line `PATH TYPE MAJOR MINOR MODE`; what stands outside the tree is none of the image's. A directory has no
/// numbers, and a link has its text for the first.
fn note(line: &str, tree: &Utf8Path) -> Option<(String, Note)> {
    let mut words = line.rsplitn(5, ' ');
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let (minor, major, kind) = (words.next()?, words.next()?, words.next()?);
    let inside = words.next()?.strip_prefix(tree.as_str())?;
    let kind = match kind {
        "c" | "u" => DeviceKind::Character,
        "b" => DeviceKind::Block,
        "d" => return Some((inside.to_owned(), Note::Directory)),
        "l" => return Some((inside.to_owned(), Note::Link(major.to_owned()))),
        _ => return None,
    };
    let node = DeviceNode {
        path: inside.parse().ok()?,
        kind,
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
        mode,
        uid: 0,
        gid: 0,
        mtime: 0,
    };
    Some((node.path.to_string(), Note::Node(node)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_of_the_tree_is_read() {
        let tree = Utf8Path::new("/build/mnt");
        let (path, read) = note("/build/mnt/dev/ran dom c 1 8 0666", tree).unwrap();
        assert_eq!(path, "/dev/ran dom");
        let Note::Node(node) = read else {
            panic!("{read:?} is no node")
        };
        assert_eq!((node.major, node.minor, node.mode), (1, 8, 0o666));
        assert_eq!(node.kind, DeviceKind::Character);
        assert_eq!(
            note("/build/mnt/dev/fd l /proc/self/fd - 777", tree),
            Some(("/dev/fd".to_owned(), Note::Link("/proc/self/fd".to_owned())))
        );
        for line in [
            "",
            "/etc/x c 1 8 0666",
            "/build/mnt/x p 1 8 0666",
            "/build/mnt/x c 1 x 0666",
        ] {
            assert_eq!(note(line, tree), None, "{line}");
        }
    }
}
