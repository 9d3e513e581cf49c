//! What mke2fs can't do from a tree, written into the finished file system by debugfs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use dib_sys::{DeviceKind, DeviceNode, TargetPath};

use super::ExtError;
use crate::room::Room;
use crate::tool::Tool;

/// Returns debugfs's commands for the root directory's attributes and the device nodes.
pub(super) fn script(tree: &Utf8Path, device_nodes: &[DeviceNode]) -> Result<String, ExtError> {
    let root = fs::metadata(tree).map_err(|source| ExtError::Io {
        path: tree.to_owned(),
        source,
    })?;
    let mut script = String::new();
    set_fields(
        &mut script,
        "/",
        root.mode(),
        (root.uid(), root.gid()),
        root.mtime(),
    );
    // Sorted, and the last of several for one path: a directory can't hold a name twice.
    let nodes: BTreeMap<&TargetPath, &DeviceNode> =
        device_nodes.iter().map(|node| (&node.path, node)).collect();
    for node in nodes.into_values() {
        add_node(&mut script, tree, node)?;
    }
    Ok(script)
}

fn add_node(script: &mut String, tree: &Utf8Path, node: &DeviceNode) -> Result<(), ExtError> {
    let missing = || ExtError::NoDirectory(node.path.clone());
    let name = node
        .path
        .file_name()
        .ok_or_else(|| ExtError::InTheWay(node.path.clone()))?;
    let directory = node.path.parent().ok_or_else(missing)?;
    if node.path.as_relative().contains(char::is_control) {
        return Err(ExtError::ControlCharacter(node.path.clone()));
    }
    if !is_directory_of_tree(tree, &directory) {
        return Err(missing());
    }
    let path = quoted(&node.path.to_string());
    let in_place = fs::symlink_metadata(tree.join(node.path.as_relative())).ok();
    if in_place.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(ExtError::InTheWay(node.path.clone()));
    }
    if in_place.is_some() {
        writeln!(script, "rm {path}").expect(STRING);
    }
    let (letter, format) = match node.kind {
        DeviceKind::Character => ('c', 0o020_000),
        DeviceKind::Block => ('b', 0o060_000),
    };
    // mknod takes no path, only a name in the working directory.
    writeln!(script, "cd {}", quoted(&directory.to_string())).expect(STRING);
    writeln!(
        script,
        "mknod {} {letter} {} {}",
        quoted(name),
        node.major,
        node.minor
    )
    .expect(STRING);
    set_fields(
        script,
        &path,
        format | (node.mode & 0o7777),
        (node.uid, node.gid),
        node.mtime,
    );
    Ok(())
}

const STRING: &str = "writing to a string does not fail";

fn set_fields(script: &mut String, path: &str, mode: u32, (uid, gid): (u32, u32), mtime: i64) {
    writeln!(
        script,
        "sif {path} mode 0{mode:o}\nsif {path} uid {uid}\nsif {path} gid {gid}"
    )
    .expect(STRING);
    // debugfs reads no times before 1970.
    writeln!(script, "sif {path} mtime @{}", mtime.max(0)).expect(STRING);
}

/// Quotes a word for debugfs, whose parser (libss) ends a quoted word at a quote that stands alone.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

/// Returns whether `path` and all above it are real directories, for a symbolic link would lead debugfs elsewhere.
fn is_directory_of_tree(tree: &Utf8Path, path: &TargetPath) -> bool {
    let mut directory = tree.to_owned();
    path.as_relative()
        .split('/')
        .filter(|name| !name.is_empty())
        .all(|name| {
            directory.push(name);
            fs::symlink_metadata(&directory).is_ok_and(|metadata| metadata.is_dir())
        })
}

/// Runs the commands on the image.
///
/// debugfs ends with success whatever its commands do, so anything it prints on standard error but its version is
/// taken for a failure.
pub(super) fn run(room: Room<'_>, script: &str, seed: Option<u64>) -> Result<(), ExtError> {
    let file = script_file(script).map_err(|source| ExtError::Io {
        path: room.image.to_owned(),
        source,
    })?;
    let path = file.path().to_string_lossy();
    // libext2fs takes what stands behind the last question mark for options.
    let image = format!("{}?offset={}", room.image, room.extent.start);
    let tool = Tool::new("debugfs", "e2fsprogs")
        .at_time(seed)
        .arguments(["-w", "-f", &path, &image]);
    let mut finished = tool.run()?;
    finished.complaints.retain(|line| !line.starts_with("debugfs 1."));
    if !finished.complaints.is_empty() {
        return Err(tool.complained(finished.complaints).into());
    }
    Ok(tool.require_success(finished)?)
}

fn script_file(script: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(script.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        assert_eq!(quoted("/dev/null"), r#""/dev/null""#);
        assert_eq!(quoted(r#"a "b" c"#), r#""a ""b"" c""#);
    }
}
