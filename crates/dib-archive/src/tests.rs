//! Extraction of archives made by hand, into a target beside a directory that must never change.

mod damaged;
mod hostile;
mod kinds;
mod replacing;
mod shared;
mod sparse;
mod squashfs;

use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use dib_sys::TargetRoot;
use tar::{EntryType, Header};
use tempfile::TempDir;

use crate::{ArchiveFormat, ExtractError, Extracted};

/// The time of all entries made here, in seconds since 1970.
const TIME: u64 = 1_700_000_000;

/// A tar archive in the making, whose entries belong to the current user.
struct TarArchive(tar::Builder<Vec<u8>>);

impl TarArchive {
    fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn header(kind: EntryType, name: &[u8], mode: u32, size: usize) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_uid(u64::from(nix::unistd::getuid().as_raw()));
        header.set_gid(u64::from(nix::unistd::getgid().as_raw()));
        header.set_mode(mode);
        header.set_mtime(TIME);
        header.set_size(size as u64);
        header
    }

    fn header_with_data(mut self, mut header: Header, data: &[u8]) -> Self {
        header.set_cksum();
        self.0.append(&header, data).unwrap();
        self
    }

    fn file(self, name: impl AsRef<[u8]>, contents: &[u8], mode: u32) -> Self {
        let header = Self::header(EntryType::Regular, name.as_ref(), mode, contents.len());
        self.header_with_data(header, contents)
    }

    fn directory(self, name: &str, mode: u32) -> Self {
        self.header_with_data(Self::header(EntryType::Directory, name.as_bytes(), mode, 0), b"")
    }

    fn symlink(self, name: &str, text: &str) -> Self {
        self.link(EntryType::Symlink, name, text)
    }

    fn hard_link(self, name: &str, other: &str) -> Self {
        self.link(EntryType::Link, name, other)
    }

    fn link(mut self, kind: EntryType, name: &str, text: &str) -> Self {
        let mut header = Self::header(kind, name.as_bytes(), 0o777, 0);
        self.0.append_link(&mut header, name, text).unwrap();
        self
    }

    fn device(self, name: &str, kind: EntryType, major: u32, minor: u32) -> Self {
        let mut header = Self::header(kind, name.as_bytes(), 0o620, 0);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        self.header_with_data(header, b"")
    }

    /// Adds an extended header of the given kind for what follows.
    fn pax(self, kind: EntryType, records: &[(&str, &[u8])]) -> Self {
        let mut contents = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let digits = |length: usize| length.to_string().len();
            let length = rest + digits(rest + digits(rest));
            contents.extend(format!("{length} {key}=").into_bytes());
            contents.extend(*value);
            contents.push(b'\n');
        }
        self.header_with_data(Self::header(kind, b"pax", 0o644, contents.len()), &contents)
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

struct Fixture {
    inside: TempDir,
    outside: TempDir,
}

fn fixture() -> Fixture {
    let inside = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "host").unwrap();
    Fixture { inside, outside }
}

impl Fixture {
    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.inside.path().join(name)
    }

    fn read(&self, name: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn extract(&self, archive: &[u8]) -> Result<Extracted, ExtractError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(archive).unwrap();
        // At its end, to show that extraction starts at the first byte.
        let format = ArchiveFormat::detect(&mut file)?;
        file.seek(std::io::SeekFrom::End(0)).unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(self.inside.path()).unwrap()).unwrap();
        let extracted = crate::extract(&file, format, &target, &|_| {});
        self.assert_outside_untouched();
        extracted
    }

    fn assert_outside_untouched(&self) {
        let names: Vec<_> = fs::read_dir(&self.outside)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["precious"]);
        assert_eq!(
            fs::read_to_string(self.outside.path().join("precious")).unwrap(),
            "host"
        );
    }
}

/// Extracts what must not extract, and compares the message, with the outside directory's path left out of it.
#[track_caller]
fn check_refused(fixture: &Fixture, archive: &[u8], expected: &str) {
    let error = fixture
        .extract(archive)
        .expect_err("this archive is to be refused");
    let message = error
        .to_string()
        .replace(fixture.outside.path().to_str().unwrap(), "OUTSIDE");
    assert_eq!(message, expected);
}
