//! What headers and extended headers tell about an entry.

use std::borrow::Cow;

use ::tar::{EntryType, Header};

use super::pax::Pax;
use super::sparse::SparseMap;
use super::stream::TarStream;
use crate::entry_name::lossy;
use crate::tree::{Attributes, ModificationTime};
use crate::{ExtractError, Place};

/// The longest extended header we read, in bytes: far more than the kernel lets names and attributes hold.
const EXTENSION_AT_MOST: u64 = 16 << 20;

/// One entry as its headers tell it.
pub(super) struct Member {
    pub(super) kind: EntryType,
    pub(super) name: Vec<u8>,
    /// What a link points to.
    pub(super) link: Vec<u8>,
    pub(super) attributes: Attributes,
    /// Names of attributes that are in a notation we do not read.
    pub(super) unsupported_attributes: Vec<String>,
    /// Major and minor number of a device node.
    pub(super) device: (u32, u32),
    pub(super) sparse: Option<SparseMap>,
}

/// What the extended headers before an entry say of it.
#[derive(Default)]
pub(super) struct Overrides {
    /// Of all entries that follow.
    global: Pax,
    /// Of the next entry.
    local: Option<Pax>,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Overrides {
    /// Takes an extended header in; false when the header is an entry's own.
    pub(super) fn take_extension(
        &mut self,
        header: &Header,
        stream: &mut TarStream<'_>,
    ) -> Result<bool, ExtractError> {
        let kind = header.entry_type();
        let is_extension = matches!(
            kind,
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
        ) || kind.as_byte() == VOLUME_LABEL;
        if !is_extension {
            return Ok(false);
        }
        let size = header.entry_size();
        stream.set_size(size.map_err(|_| stream.malformed("an extended header has no valid size"))?);
        let contents = stream.read_short_contents(EXTENSION_AT_MOST)?;
        let malformed = |reason: String| stream.malformed(reason);
        match kind {
            EntryType::GNULongName => self.name = Some(until_nul(contents)),
            EntryType::GNULongLink => self.link = Some(until_nul(contents)),
            EntryType::XGlobalHeader => self.global.merge(&contents).map_err(malformed)?,
            EntryType::XHeader => {
                let local = self.local.get_or_insert_with(|| self.global.clone());
                local.merge(&contents).map_err(malformed)?;
            }
            _ => {}
        }
        Ok(true)
    }

    /// Joins an entry's header with what was said before it, and tells the stream the entry's size.
    pub(super) fn apply(
        &mut self,
        header: &Header,
        stream: &mut TarStream<'_>,
    ) -> Result<Member, ExtractError> {
        let pax = self.local.take().unwrap_or_else(|| self.global.clone());
        let name = self
            .name
            .take()
            .or(pax.path)
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let link = self.link.take().or(pax.link_path);
        let link = link
            .or_else(|| header.link_name_bytes().map(Cow::into_owned))
            .unwrap_or_default();
        stream.enter(&name);
        let field = |what: &'static str| {
            let place = Place::In(lossy(&name));
            ExtractError::Malformed {
                place,
                reason: format!("its header has no valid {what}"),
            }
        };

        let kind = header.entry_type();
        let size = match (kind, pax.size) {
            // A size here is that of the file linked to, and no contents follow.
            (EntryType::Link, _) => 0,
            (_, Some(size)) => size,
            (_, None) => header.entry_size().map_err(|_| field("size"))?,
        };
        stream.set_size(size);

        let number = |pax: Option<u64>, header: std::io::Result<u64>, what| {
            let number = pax.or(header.ok()).and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| field(what))
        };
        let mtime = match pax.mtime {
            Some(mtime) => mtime,
            // Read as two's complement, a time before 1970 in GNU's binary notation comes out right.
            None => ModificationTime {
                seconds: header.mtime().map_err(|_| field("time"))?.cast_signed(),
                nanoseconds: 0,
            },
        };
        let attributes = Attributes {
            uid: number(pax.uid, header.uid(), "owner")?,
            gid: number(pax.gid, header.gid(), "group")?,
            mode: header.mode().map_err(|_| field("mode"))? & 0o7777,
            mtime,
            extended: pax.extended,
        };
        let device = match kind {
            EntryType::Char | EntryType::Block => {
                let part = |number: std::io::Result<Option<u32>>| {
                    number.ok().flatten().ok_or_else(|| field("device number"))
                };
                (part(header.device_major())?, part(header.device_minor())?)
            }
            _ => (0, 0),
        };
        let (name, sparse) = match (kind, pax.sparse) {
            (EntryType::GNUSparse, _) => (name, Some(SparseMap::of_header(header, stream)?)),
            (_, Some(sparse)) => {
                let map = SparseMap::of_contents(&sparse, stream)?;
                (sparse.name.unwrap_or(name), Some(map))
            }
            (_, None) => (name, None),
        };
        let unsupported_attributes = pax.unsupported;
        Ok(Member {
            kind,
            name,
            link,
            attributes,
            unsupported_attributes,
            device,
            sparse,
        })
    }

    /// Checks that no extended header stands without an entry at the end of the archive.
    pub(super) fn finish(&self, stream: &TarStream<'_>) -> Result<(), ExtractError> {
        if self.local.is_some() || self.name.is_some() || self.link.is_some() {
            return Err(stream.malformed("an extended header is followed by no entry"));
        }
        Ok(())
    }
}

/// GNU's name for the whole archive, which is no entry.
const VOLUME_LABEL: u8 = b'V';

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}
