//! The entries of a tar stream.
//!
//! The `tar` crate reads the headers. The way from one entry to the next is our own, because that crate ends
//! a PAX record at the first line feed, also inside a binary value such as a capability, and does not know
//! GNU's sparse files in PAX headers; and because contents go straight from a decompressed block into the
//! file.
//!
//! Formats: POSIX.1-2017 `pax`, and the "Basic Tar Format" and "Extensions" chapters of GNU tar's manual.

mod header;
mod pax;
mod sparse;
mod stream;

use std::fs::File;
use std::io::{BufRead, Write};

use ::tar::EntryType;

use self::header::{Member, Overrides};
use self::stream::TarStream;
use crate::entry_name::{EntryName, InvalidEntryName, lossy};
use crate::tree::{Special, Tree};
use crate::{Entry, EntryKind, ExtractError, Place};

/// Contents up to this many bytes are copied for a worker to write; longer ones go straight into the file.
const FOR_WORKERS_AT_MOST: u64 = 512 << 10;

/// Extracts every entry of the stream, and reads it to its end so that its checksum is verified.
///
/// Entries that `admit` says no to are read past.
pub(crate) fn extract(
    input: &mut dyn BufRead,
    tree: &mut Tree<'_>,
    admit: &mut dyn FnMut(&Entry<'_>) -> bool,
) -> Result<(), ExtractError> {
    let mut stream = TarStream::new(input);
    let mut overrides = Overrides::default();
    while let Some(header) = stream.next_header()? {
        if overrides.take_extension(&header, &mut stream)? {
            continue;
        }
        let member = overrides.apply(&header, &mut stream)?;
        stream.enter(&member.name);
        let name = checked_name(&member.name)?;
        let entry = Entry {
            name: name.as_bytes(),
            kind: kind_of(&member),
        };
        if admit(&entry) && !tree.skips_below_mount(&name) {
            extract_member(&name, member, &mut stream, tree)?;
        }
        stream.leave()?;
    }
    overrides.finish(&stream)?;
    stream.drain()
}

fn extract_member(
    name: &EntryName,
    member: Member,
    stream: &mut TarStream<'_>,
    tree: &mut Tree<'_>,
) -> Result<(), ExtractError> {
    for attribute in member.unsupported_attributes {
        tree.skip_attribute(
            name,
            attribute,
            "access lists and labels in tar's own notation are not supported",
        );
    }
    let attributes = member.attributes;
    match member.kind {
        EntryType::Directory => tree.directory(name.clone(), attributes),
        EntryType::Regular | EntryType::Continuous if member.name.ends_with(b"/") => {
            // How archives older than POSIX write directories.
            tree.directory(name.clone(), attributes)
        }
        EntryType::Regular | EntryType::Continuous => match member.sparse {
            None if tree.has_workers() && stream.remaining() <= FOR_WORKERS_AT_MOST => {
                let contents = stream.read_all_contents()?;
                let entry = name.lossy();
                let write = move |mut file: &File| match file.write_all(&contents) {
                    Ok(()) => Ok(contents.len() as u64),
                    Err(source) => Err(ExtractError::Entry {
                        entry,
                        operation: "write",
                        source,
                    }),
                };
                tree.file_by_worker(name.clone(), attributes, Box::new(write))
            }
            None => tree.file(name, &attributes, |file| stream.copy_all(file)),
            Some(sparse) => tree.file(name, &attributes, |file| sparse.write(file, stream)),
        },
        EntryType::GNUSparse => {
            let sparse = member.sparse.unwrap_or_default();
            tree.file(name, &attributes, |file| sparse.write(file, stream))
        }
        EntryType::Symlink => tree.symlink(name, &member.link, &attributes),
        EntryType::Link => tree.hard_link(name, &checked_link(name, &member.link)?),
        EntryType::Fifo => tree.special(name, Special::Fifo, &attributes),
        EntryType::Char | EntryType::Block => {
            let (major, minor) = member.device;
            let special = match member.kind {
                EntryType::Block => Special::Block { major, minor },
                _ => Special::Character { major, minor },
            };
            tree.special(name, special, &attributes)
        }
        other => Err(ExtractError::Unsupported {
            entry: name.lossy(),
            feature: format!("of the kind {:?}", char::from(other.as_byte())),
        }),
    }
}

fn kind_of(member: &Member) -> EntryKind {
    match member.kind {
        EntryType::Directory => EntryKind::Directory,
        EntryType::Regular | EntryType::Continuous if member.name.ends_with(b"/") => EntryKind::Directory,
        EntryType::Symlink => EntryKind::Symlink,
        EntryType::Link => EntryKind::HardLink,
        EntryType::Fifo | EntryType::Char | EntryType::Block => EntryKind::Special,
        _ => EntryKind::File,
    }
}

fn checked_name(bytes: &[u8]) -> Result<EntryName, ExtractError> {
    EntryName::parse(bytes).map_err(|invalid| match invalid {
        InvalidEntryName::Climbs => ExtractError::LeavesRoot { entry: lossy(bytes) },
        InvalidEntryName::HoldsNul => ExtractError::Malformed {
            place: Place::In(lossy(bytes)),
            reason: "its name holds a NUL byte".to_owned(),
        },
    })
}

fn checked_link(name: &EntryName, link: &[u8]) -> Result<EntryName, ExtractError> {
    EntryName::parse(link).map_err(|invalid| match invalid {
        InvalidEntryName::Climbs => ExtractError::LinkLeavesRoot {
            entry: name.lossy(),
            link: lossy(link),
        },
        InvalidEntryName::HoldsNul => ExtractError::Malformed {
            place: Place::In(name.lossy()),
            reason: "the name it links to holds a NUL byte".to_owned(),
        },
    })
}
