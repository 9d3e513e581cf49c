//! Whether layers work here.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::{LayerStack, LayersError, Seal};
use crate::TargetRoot;

/// Tries layers in `layers`, an existing directory of the file system that they are to be on. Nothing is left there.
///
/// What may be missing: overlays in a user namespace (Linux 5.11), attributes of users on a tmpfs (6.6), or anything
/// where `layers` itself is on an overlay.
///
/// # Errors
/// When the kernel or the file system can't do what layers need.
pub fn probe(layers: &Utf8Path) -> Result<(), LayersError> {
    let directory = layers.join("probe");
    let (tree, own_layers) = (directory.join("tree"), directory.join("layers"));
    for path in [&directory, &tree, &own_layers] {
        fs::create_dir(path).map_err(LayersError::prepare(path))?;
    }
    let result = LayerStack::begin(&tree, &own_layers).and_then(|mut stack| {
        let result = TargetRoot::open(&tree)
            .map_err(LayersError::from)
            .and_then(|root| try_out(&mut stack, &root, &tree));
        // Where the kernel refused the second mount, there is nothing to unmount any more.
        result.and(stack.unmount())
    });
    let removed = fs::remove_dir_all(&directory).map_err(|source| LayersError::Remove {
        path: directory,
        source,
    });
    result.and(removed)
}

/// Replaces a directory and removes a file of a sealed layer, and looks at how that was noted.
fn try_out(stack: &mut LayerStack, root: &TargetRoot, tree: &Utf8Path) -> Result<(), LayersError> {
    let (directory, file) = (tree.join("directory"), tree.join("file"));
    let change = |result: io::Result<()>| result.map_err(LayersError::prepare(tree));
    change(fs::create_dir(&directory).and_then(|()| fs::write(directory.join("old"), "")))?;
    change(fs::write(&file, ""))?;
    seal(stack, root)?;
    change(fs::remove_dir_all(&directory).and_then(|()| fs::create_dir(&directory)))?;
    change(fs::remove_file(&file))?;
    let upper = seal(stack, root)?;
    let broken = |what| LayersError::Broken {
        path: tree.to_owned(),
        what,
    };
    if directory.join("old").exists() {
        return Err(broken("what is below a replaced directory shows"));
    }
    match fs::symlink_metadata(upper.join("file")) {
        Ok(metadata) if metadata.file_type().is_char_device() => Ok(()),
        _ => Err(broken("a removed file is not noted")),
    }
}

fn seal(stack: &mut LayerStack, root: &TargetRoot) -> Result<Utf8PathBuf, LayersError> {
    match stack.seal(root)? {
        Seal::Sealed(upper) => Ok(upper),
        _ => Err(LayersError::Broken {
            path: stack.layers.clone(),
            what: "a layer did not end",
        }),
    }
}
