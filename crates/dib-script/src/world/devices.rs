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

/// Lends the tree what a script was lent and lost again, as one that mounts in a namespace of its own does.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn lend(ctx: &HookContext<'_>) -> Result<(), HookError> {
    for (path, node) in noted(ctx)? {
        let is_stand_in = ctx.metadata(&path)?.is_some_and(|metadata| metadata.size == 0);
        let of_host = Utf8Path::new("/dev").join(node.path.file_name().unwrap_or_default());
        if is_stand_in && !ctx.is_mounted(&path)? && of_host.exists() {
            ctx.bind_mount(&of_host, &path)?;
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
    for (path, node) in noted(ctx)? {
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

/// Returns what is noted of the tree, by path; the last note of a path counts.
fn noted(ctx: &HookContext<'_>) -> Result<BTreeMap<String, DeviceNode>, HookError> {
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
        .filter_map(|line| node(line, Utf8Path::new(tree)))
        .map(|node| (node.path.to_string(), node))
        .collect())
}

/// Reads a line `PATH TYPE MAJOR MINOR MODE`; what stands outside the tree is none of the image's.
fn node(line: &str, tree: &Utf8Path) -> Option<DeviceNode> {
    let mut words = line.rsplitn(5, ' ');
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let minor = words.next()?.parse().ok()?;
    let major = words.next()?.parse().ok()?;
    let kind = match words.next()? {
        "c" | "u" => DeviceKind::Character,
        "b" => DeviceKind::Block,
        _ => return None,
    };
    let inside = words.next()?.strip_prefix(tree.as_str())?;
    Some(DeviceNode {
        path: inside.parse().ok()?,
        kind,
        major,
        minor,
        mode,
        uid: 0,
        gid: 0,
        mtime: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noted_device_nodes_of_the_tree_are_read() {
        let tree = Utf8Path::new("/build/mnt");
        let read = node("/build/mnt/dev/ran dom c 1 8 0666", tree).unwrap();
        assert_eq!(read.path.to_string(), "/dev/ran dom");
        assert_eq!((read.major, read.minor, read.mode), (1, 8, 0o666));
        assert_eq!(read.kind, DeviceKind::Character);
        for line in [
            "",
            "/etc/x c 1 8 0666",
            "/build/mnt/x p 1 8 0666",
            "/build/mnt/x c 1 x 0666",
        ] {
            assert_eq!(node(line, tree), None, "{line}");
        }
    }
}
