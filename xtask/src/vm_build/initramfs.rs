//! The initramfs of a machine that builds: an archive of a program, modules and a job.

use std::fs;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::task_error::TaskError;

/// Where the initramfs has the module of that number.
pub(super) fn module_path(number: usize) -> String {
    format!("/modules/{number}.ko")
}

/// Writes the archive. The kernel reads it uncompressed.
pub(super) fn write(
    path: &Utf8Path,
    init: &Utf8Path,
    modules: &[Utf8PathBuf],
    job: &[u8],
) -> Result<(), TaskError> {
    let mut archive = Archive::default();
    for directory in ["dev", "proc", "sys", "modules", "new"] {
        archive.add(directory, 0o040_755, &[]);
    }
    archive.add("init", 0o100_755, &read(init)?);
    for (number, module) in modules.iter().enumerate() {
        archive.add(
            module_path(number).trim_start_matches('/'),
            0o100_644,
            &read(module)?,
        );
    }
    archive.add("job.json", 0o100_600, job);
    fs::write(path, archive.finish()).map_err(TaskError::file("write", path))
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, TaskError> {
    fs::read(path).map_err(TaskError::file("read", path))
}

/// A cpio archive in the format "newc": a header of hexadecimal numbers, a name, contents, each padded to four bytes.
/// Source: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`.
#[derive(Debug, Default)]
struct Archive {
    bytes: Vec<u8>,
    members: u32,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, contents: &[u8]) {
        self.members += 1;
        let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
        // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
        let fields = [
            self.members as usize,
            mode as usize,
            0,
            0,
            links,
            0,
            contents.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            write!(self.bytes, "{field:08x}").expect("a vector takes all");
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(contents);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, &[]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_padded_to_four_bytes() {
        let mut archive = Archive::default();
        archive.add("a", 0o100_644, b"hello");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.starts_with(b"07070100000001000081a4"), "{bytes:?}");
        // A header of 110 bytes and a name of two make 112.
        assert_eq!(bytes.get(112..120), Some(&b"hello\0\0\0"[..]));
        assert!(bytes.windows(10).any(|window| window == b"TRAILER!!!"));
    }
}
