//! One entry: a ustar header, before it a PAX header for what does not fit.

use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

use dib_sys::{DeviceKind, DeviceNode};
use nix::sys::stat::{major, minor};
use tar::{EntryType, Header};

const BLOCK: usize = 512;
/// The room for a name or a link's target in a ustar header, in bytes.
const NAME_ROOM: usize = 100;
/// The largest owner and size that the header's octal digits hold.
const LARGEST_ID: u32 = 0o7_777_777;
const LARGEST_SIZE: u64 = 0o77_777_777_777;

pub(super) struct Entry {
    header: Header,
    /// The PAX records, as they are written.
    records: Vec<u8>,
}

impl Entry {
    /// Returns the entry of what stands at `path` in the tree, without content, link or extended attributes.
    pub(super) fn new(path: &[u8], metadata: &Metadata, kind: EntryType) -> Self {
        let mut entry = Self::of_kind(path, kind);
        entry.set_owner(metadata.uid(), metadata.gid());
        entry.header.set_mode(metadata.mode() & 0o7777);
        entry.set_mtime(metadata.mtime(), metadata.mtime_nsec());
        entry
    }

    pub(super) fn of_device_node(path: &[u8], node: &DeviceNode) -> Self {
        let kind = match node.kind {
            DeviceKind::Character => EntryType::Char,
            DeviceKind::Block => EntryType::Block,
        };
        let mut entry = Self::of_kind(path, kind);
        entry.set_owner(node.uid, node.gid);
        entry.header.set_mode(node.mode & 0o7777);
        entry.set_mtime(node.mtime, 0);
        entry.set_device_numbers(node.major, node.minor);
        entry
    }

    fn of_kind(path: &[u8], kind: EntryType) -> Self {
        let mut entry = Self {
            header: Header::new_ustar(),
            records: Vec::new(),
        };
        entry.header.set_entry_type(kind);
        entry.header.set_size(0);
        let mut name = [b"./", path].concat();
        if kind == EntryType::Directory && !path.is_empty() {
            name.push(b'/');
        }
        if name.len() > NAME_ROOM {
            entry.add_record(b"path", &name);
        }
        fill(&mut entry.header.as_old_mut().name, &name);
        entry
    }

    pub(super) fn set_link(&mut self, target: &[u8]) {
        if target.len() > NAME_ROOM {
            self.add_record(b"linkpath", target);
        }
        fill(&mut self.header.as_old_mut().linkname, target);
    }

    pub(super) fn set_size(&mut self, size: u64) {
        if size > LARGEST_SIZE {
            self.add_record(b"size", size.to_string().as_bytes());
        }
        self.header.set_size(size);
    }

    pub(super) fn set_device(&mut self, device: u64) {
        let number = |part: u64| u32::try_from(part).expect("Linux's device numbers have 32 bits");
        self.set_device_numbers(number(major(device)), number(minor(device)));
    }

    fn set_device_numbers(&mut self, major: u32, minor: u32) {
        let header = self.header.as_ustar_mut().expect("the header was made as ustar");
        header.set_device_major(major);
        header.set_device_minor(minor);
    }

    fn set_owner(&mut self, uid: u32, gid: u32) {
        for (keyword, id) in [("uid", uid), ("gid", gid)] {
            if id > LARGEST_ID {
                self.add_record(keyword.as_bytes(), id.to_string().as_bytes());
            }
        }
        self.header.set_uid(uid.into());
        self.header.set_gid(gid.into());
    }

    fn set_mtime(&mut self, seconds: i64, nanoseconds: i64) {
        let in_header = u64::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds <= LARGEST_SIZE);
        self.header.set_mtime(in_header.unwrap_or(0));
        if in_header.is_none() || nanoseconds != 0 {
            self.add_record(b"mtime", decimal_time(seconds, nanoseconds).as_bytes());
        }
    }

    pub(super) fn add_extended_attribute(&mut self, name: &[u8], value: &[u8]) {
        // A keyword ends at the first "=", so GNU tar escapes one in a name, and the escape's own sign.
        let mut keyword = b"SCHILY.xattr.".to_vec();
        for byte in name {
            match byte {
                b'=' => keyword.extend(b"%3D"),
                b'%' => keyword.extend(b"%25"),
                byte => keyword.push(*byte),
            }
        }
        self.add_record(&keyword, value);
    }

    /// Adds `<length> <keyword>=<value>\n`, where the length counts its own digits too.
    fn add_record(&mut self, keyword: &[u8], value: &[u8]) {
        let rest = keyword.len() + value.len() + 3;
        let mut length = rest + 1;
        while rest + length.to_string().len() != length {
            length = rest + length.to_string().len();
        }
        self.records.extend(format!("{length} ").as_bytes());
        self.records.extend_from_slice(keyword);
        self.records.push(b'=');
        self.records.extend_from_slice(value);
        self.records.push(b'\n');
    }

    pub(super) fn write_to(mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.records.is_empty() {
            let size = self.records.len() as u64;
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::XHeader);
            fill(&mut header.as_old_mut().name, b"./PaxHeaders");
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(size);
            header.set_cksum();
            out.write_all(header.as_bytes())?;
            out.write_all(&self.records)?;
            pad(out, size)?;
        }
        self.header.set_cksum();
        out.write_all(self.header.as_bytes())
    }
}

/// Fills the last block after `size` bytes with zeros.
pub(super) fn pad(out: &mut dyn Write, size: u64) -> io::Result<()> {
    let zeros = [0; BLOCK];
    let beyond = usize::try_from(size % BLOCK as u64).map_err(io::Error::other)?;
    out.write_all(&zeros[..(BLOCK - beyond) % BLOCK])
}

/// Puts as much of `bytes` into a field as fits; what does not fit stands in a PAX record.
fn fill(field: &mut [u8; NAME_ROOM], bytes: &[u8]) {
    let length = bytes.len().min(NAME_ROOM);
    field[..length].copy_from_slice(&bytes[..length]);
}

/// Writes a time as PAX does: seconds since 1970 with a decimal fraction, negative before.
fn decimal_time(seconds: i64, nanoseconds: i64) -> String {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let (sign, magnitude) = (if total < 0 { "-" } else { "" }, total.unsigned_abs());
    let text = format!(
        "{sign}{}.{:09}",
        magnitude / 1_000_000_000,
        magnitude % 1_000_000_000
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        // 9 + 1 digit = 10 needs two digits, and so on at each power of ten.
        for length in [1, 2, 3, 4, 90, 91, 92, 93, 94, 990, 991, 992, 993] {
            let mut entry = Entry::of_kind(b"x", EntryType::Regular);
            entry.add_record(b"k", &vec![b'v'; length]);
            let text = String::from_utf8(entry.records).unwrap();
            let (counted, _) = text.split_once(' ').unwrap();
            assert_eq!(counted.parse::<usize>().unwrap(), text.len(), "{text}");
        }
    }

    #[test]
    fn times_have_a_fraction_and_a_sign() {
        assert_eq!(decimal_time(1, 0), "1");
        assert_eq!(decimal_time(10, 0), "10");
        assert_eq!(decimal_time(1, 500_000_000), "1.5");
        assert_eq!(decimal_time(0, 1), "0.000000001");
        // The kernel gives half a second before 1970 as -1 s + 0.5 s.
        assert_eq!(decimal_time(-1, 500_000_000), "-0.5");
        assert_eq!(decimal_time(-2, 0), "-2");
    }
}
