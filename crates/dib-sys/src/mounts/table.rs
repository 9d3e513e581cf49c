//! What is mounted, as the kernel lists it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One mount of this process's namespace.
///
/// Source: `proc_pid_mountinfo(5)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountEntry {
    /// The mount's number, which `statx(2)` tells as well.
    pub(crate) id: u64,
    /// The number of the mount it stands on.
    pub(crate) parent: u64,
    /// The file system's device as `major:minor`.
    pub(crate) device: String,
    /// The directory of the file system that is the mount's root.
    pub(crate) root: PathBuf,
    /// The mount point.
    pub(crate) at: PathBuf,
}

/// Reads what is mounted in this process's namespace.
pub(crate) fn read_mount_table() -> io::Result<Vec<MountEntry>> {
    Ok(parse(&fs::read("/proc/self/mountinfo")?))
}

pub(crate) fn parse(table: &[u8]) -> Vec<MountEntry> {
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ');
            let mut text = || fields.next().map(String::from_utf8_lossy);
            let (id, parent) = (text()?.parse().ok()?, text()?.parse().ok()?);
            let device = text()?.into_owned();
            let mut path = || {
                let bytes = unescape(fields.next()?);
                Some(PathBuf::from(OsString::from_vec(bytes)))
            };
            Some(MountEntry {
                id,
                parent,
                device,
                root: path()?,
                at: path()?,
            })
        })
        .collect()
}

/// Reads the form in which blanks, tabs, newlines and backslashes are a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_with_its_escapes() {
        let table = b"30 22 0:5 /layers/0 /b/mnt rw - tmpfs t rw\n\
            nonsense\n\
            32 30 8:6 / /b/mnt/a\\040b\\134 rw shared:1 - proc p rw\n";
        let entry = |id, parent, device: &str, root: &str, at: &str| MountEntry {
            id,
            parent,
            device: device.to_owned(),
            root: root.into(),
            at: at.into(),
        };
        let expected = [
            entry(30, 22, "0:5", "/layers/0", "/b/mnt"),
            entry(32, 30, "8:6", "/", "/b/mnt/a b\\"),
        ];
        assert_eq!(parse(table), expected);
    }
}
