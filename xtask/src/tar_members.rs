//! The members of a tar, for telling where two of them differ.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::process::{Command, Stdio};

use camino::Utf8Path;
use sha2::{Digest as _, Sha256};

use crate::task_error::TaskError;

/// A member as the archive has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    path: String,
    kind: u8,
    mode: u32,
    owner: (u64, u64),
    modified: u64,
    link: String,
    /// Major and minor number.
    device: (u32, u32),
    size: u64,
    digest: Vec<u8>,
    /// Records of the extended header, such as attributes.
    records: Vec<(String, Vec<u8>)>,
}

impl Member {
    /// The path as the archive has it.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

/// Reads all members, in the order in which they lie in the tar.
pub(crate) fn read(tar: &Utf8Path) -> Result<Vec<Member>, TaskError> {
    let file = File::open(tar).map_err(TaskError::file("open", tar))?;
    read_from(tar, BufReader::new(file))
}

/// Reads all members of what a program prints, such as a decompressor.
pub(crate) fn read_output_of(command: &mut Command) -> Result<Vec<Member>, TaskError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let name = Utf8Path::new(&program);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(TaskError::file("run", name))?;
    let output = child.stdout.take().expect("its output is piped");
    let members = read_from(name, BufReader::new(output));
    let status = child.wait().map_err(TaskError::file("run", name))?;
    if !status.success() {
        return Err(TaskError::Check(format!("{name} failed: {status}")));
    }
    members
}

fn read_from(tar: &Utf8Path, reader: impl io::Read) -> Result<Vec<Member>, TaskError> {
    let mut archive = tar::Archive::new(reader);
    let mut members = Vec::new();
    for entry in archive.entries().map_err(TaskError::file("read", tar))? {
        let entry = entry.map_err(TaskError::file("read", tar))?;
        members.push(member(entry).map_err(TaskError::file("read", tar))?);
    }
    Ok(members)
}

fn member(mut entry: tar::Entry<'_, impl io::Read>) -> io::Result<Member> {
    let mut records = Vec::new();
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            let name = String::from_utf8_lossy(extension.key_bytes()).into_owned();
            records.push((name, extension.value_bytes().to_vec()));
        }
    }
    let header = entry.header();
    let mut member = Member {
        path: String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
        kind: header.entry_type().as_byte(),
        mode: header.mode()?,
        owner: (header.uid()?, header.gid()?),
        modified: header.mtime()?,
        link: entry
            .link_name_bytes()
            .map(|name| String::from_utf8_lossy(&name).into_owned())
            .unwrap_or_default(),
        // What is no device may have nothing in these fields, which the reader calls an error.
        device: (
            header.device_major().ok().flatten().unwrap_or_default(),
            header.device_minor().ok().flatten().unwrap_or_default(),
        ),
        size: entry.size(),
        digest: Vec::new(),
        records,
    };
    let mut sum = Summed(Sha256::new());
    io::copy(&mut entry, &mut sum)?;
    sum.flush()?;
    member.digest = sum.0.finalize().to_vec();
    Ok(member)
}

/// What is written goes into a sum.
struct Summed(Sha256);

impl io::Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes away the access lists, which SquashFS has no place for.
pub(crate) fn without_access_lists(mut members: Vec<Member>) -> Vec<Member> {
    for member in &mut members {
        member
            .records
            .retain(|(name, _)| !name.contains("system.posix_acl_"));
    }
    members
}

/// Says where the trees in two archives differ, whatever the order of their members and whichever name of a file comes first.
pub(crate) fn differences_of_trees(first: &[Member], second: &[Member]) -> Vec<String> {
    let (first, second) = (tree(first), tree(second));
    let mut faults = Vec::new();
    for (path, member) in &first {
        match second.get(path) {
            None => faults.push(format!("{path}: only in the first")),
            Some(other) => {
                let aspects = aspects(member, other);
                if !aspects.is_empty() {
                    faults.push(format!("{path}: {}", aspects.join(", ")));
                }
            }
        }
    }
    let added = second.keys().filter(|path| !first.contains_key(*path));
    faults.extend(added.map(|path| format!("{path}: only in the second")));
    faults
}

/// Says in one word each in which ways two trees differ, path by path and whatever the times: what is in one alone is
/// `first` or `second`, else it is the `kind`, `content`, `owner`, `mode`, `link`, `device` or `attributes`; with a detail.
pub(crate) fn aspects_of_trees(first: &[Member], second: &[Member]) -> Vec<(String, &'static str, String)> {
    let (first, second) = (tree(first), tree(second));
    let mut found = Vec::new();
    for (path, one) in &first {
        let Some(other) = second.get(path) else {
            found.push((path.clone(), "first", String::new()));
            continue;
        };
        let mut differ = |aspect, differs: bool, detail: String| {
            if differs {
                found.push((path.clone(), aspect, detail));
            }
        };
        let (kind, other_kind) = (char::from(one.kind), char::from(other.kind));
        differ("kind", kind != other_kind, format!("{kind} and {other_kind}"));
        let sizes = format!("{} and {} bytes", one.size, other.size);
        differ("content", one.digest != other.digest, sizes);
        let owners = format!("{:?} and {:?}", one.owner, other.owner);
        differ("owner", one.owner != other.owner, owners);
        differ(
            "mode",
            one.mode != other.mode,
            format!("{:o} and {:o}", one.mode, other.mode),
        );
        differ(
            "link",
            one.link != other.link,
            format!("{} and {}", one.link, other.link),
        );
        let devices = format!("{:?} and {:?}", one.device, other.device);
        differ("device", one.device != other.device, devices);
        differ("attributes", one.records != other.records, String::new());
    }
    let added = second.keys().filter(|path| !first.contains_key(*path));
    found.extend(added.map(|path| (path.clone(), "second", String::new())));
    found
}

/// Returns the members by path. Further names of a file are files like the first, records that are no attributes are gone,
/// and the root directory, which not every archive tells of, is left out.
fn tree(members: &[Member]) -> BTreeMap<String, Member> {
    const HARD_LINK: u8 = b'1';
    let plain = |path: &str| path.trim_start_matches("./").trim_matches('/').to_owned();
    let mut tree: BTreeMap<String, Member> = BTreeMap::new();
    for member in members {
        let path = plain(&member.path);
        if path.is_empty() || path == "." {
            continue;
        }
        let first = (member.kind == HARD_LINK)
            .then(|| tree.get(&plain(&member.link)))
            .flatten();
        let mut entry = first.unwrap_or(member).clone();
        entry.path.clone_from(&path);
        entry
            .records
            .retain(|(name, _)| name.starts_with("SCHILY.xattr."));
        entry.records.sort();
        tree.insert(path, entry);
    }
    tree
}

/// Says of each member that is not the same in both what differs; an order that differs is said once.
pub(crate) fn differences(first: &[Member], second: &[Member]) -> Vec<String> {
    let mut faults = Vec::new();
    for member in first {
        match second.iter().find(|other| other.path == member.path) {
            None => faults.push(format!("{}: only in the first", member.path)),
            Some(other) => {
                let aspects = aspects(member, other);
                if !aspects.is_empty() {
                    faults.push(format!("{}: {}", member.path, aspects.join(", ")));
                }
            }
        }
    }
    for member in second {
        if !first.iter().any(|other| other.path == member.path) {
            faults.push(format!("{}: only in the second", member.path));
        }
    }
    let out_of_order = first
        .iter()
        .zip(second)
        .find(|(one, other)| one.path != other.path);
    if let Some((one, other)) = out_of_order.filter(|_| first.len() == second.len()) {
        faults.push(format!(
            "the order: {} stands where {} does",
            one.path, other.path
        ));
    }
    faults
}

fn aspects(one: &Member, other: &Member) -> Vec<String> {
    let mut aspects = Vec::new();
    if one.kind != other.kind {
        aspects.push(format!(
            "kind {} and {}",
            char::from(one.kind),
            char::from(other.kind)
        ));
    }
    if one.size != other.size {
        aspects.push(format!("content of {} and {} bytes", one.size, other.size));
    } else if one.digest != other.digest {
        aspects.push("content".to_owned());
    }
    if one.modified != other.modified {
        aspects.push(format!("modified at {} and {}", one.modified, other.modified));
    }
    if one.owner != other.owner {
        aspects.push(format!("owner {:?} and {:?}", one.owner, other.owner));
    }
    if one.mode != other.mode {
        aspects.push(format!("mode {:o} and {:o}", one.mode, other.mode));
    }
    if one.link != other.link {
        aspects.push(format!("link to {} and {}", one.link, other.link));
    }
    if one.device != other.device {
        aspects.push(format!("device {:?} and {:?}", one.device, other.device));
    }
    if one.records != other.records {
        aspects.push("records of the extended header".to_owned());
    }
    aspects
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a tar of files with contents and times.
    fn tar(files: &[(&str, &str, u64)]) -> Vec<Member> {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("a.tar");
        let mut builder = tar::Builder::new(File::create(&path).unwrap());
        for (name, text, modified) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mtime(*modified);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap();
        read(&path).unwrap()
    }

    #[track_caller]
    fn check(first: &[(&str, &str, u64)], second: &[(&str, &str, u64)], expected: &[&str]) {
        assert_eq!(differences(&tar(first), &tar(second)), expected);
    }

    #[test]
    fn trees_are_the_same_in_any_order() {
        let one = tar(&[("./a", "x", 1), ("b", "y", 2)]);
        let other = tar(&[("b", "y", 2), ("a", "x", 1)]);
        assert_eq!(differences_of_trees(&one, &other), Vec::<String>::new());
        let third = tar(&[("a", "z", 1)]);
        assert_eq!(
            differences_of_trees(&one, &third),
            ["a: content", "b: only in the first"]
        );
    }

    #[test]
    fn aspects_are_without_times() {
        let one = tar(&[("a", "x", 1), ("b", "y", 2), ("d", "", 1)]);
        let other = tar(&[("a", "x", 3), ("b", "zz", 2), ("c", "", 1)]);
        let found = aspects_of_trees(&one, &other);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(path, aspect, _)| (path.as_str(), *aspect))
            .collect();
        assert_eq!(found, [("b", "content"), ("d", "first"), ("c", "second")]);
    }

    #[test]
    fn what_differs_between_two() {
        let both = [("a", "x", 1), ("b", "y", 2)];
        check(&both, &both, &[]);
        check(
            &both,
            &[("a", "xx", 1), ("b", "z", 3)],
            &["a: content of 1 and 2 bytes", "b: content, modified at 2 and 3"],
        );
        check(
            &both,
            &[("b", "y", 2), ("a", "x", 1)],
            &["the order: a stands where b does"],
        );
        check(
            &both,
            &[("a", "x", 1), ("c", "y", 2)],
            &[
                "b: only in the first",
                "c: only in the second",
                "the order: b stands where c does",
            ],
        );
    }
}
