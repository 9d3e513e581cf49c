//! The headers of an `ar` archive, as deb(5) restricts them.

use std::io::{self, BufRead, Read};

use super::{DebFileError, failed};

/// The name and the size of a member.
pub(super) struct Header {
    pub(super) name: String,
    /// In bytes.
    pub(super) size: u64,
}

pub(super) fn read_magic(input: &mut impl BufRead) -> Result<(), DebFileError> {
    let mut magic = [0; 8];
    match input.read_exact(&mut magic) {
        Ok(()) if magic == *b"!<arch>\n" => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(failed("the beginning", error)),
        _ => Err(DebFileError::NotAnArchive),
    }
}

pub(super) fn read_header(input: &mut impl BufRead, after: &str) -> Result<Header, DebFileError> {
    let mut header = [0; 60];
    input
        .read_exact(&mut header)
        .map_err(|source| failed(&format!("the member after {after}"), source))?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.trim_ascii_end().to_vec()).ok();
    let parsed = || {
        let name = text(&header[..16])?;
        let size = text(&header[48..58])?;
        let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        let size = size.parse().ok().filter(|_| is_number)?;
        let name = name.strip_suffix('/').unwrap_or(&name).to_owned();
        (header[58..] == *b"`\n").then_some(Header { name, size })
    };
    parsed().ok_or_else(|| DebFileError::BadHeader {
        after: after.to_owned(),
    })
}

/// Reads a whole member, which must not be longer than `limit` bytes, and its padding.
pub(super) fn read_member(
    input: &mut impl BufRead,
    header: &Header,
    limit: u64,
) -> Result<Vec<u8>, DebFileError> {
    if header.size > limit {
        let source = io::Error::new(io::ErrorKind::InvalidData, "it is too long");
        return Err(failed(&header.name, source));
    }
    let mut contents = Vec::new();
    input
        .take(header.size)
        .read_to_end(&mut contents)
        .and_then(|length| {
            if length as u64 == header.size {
                skip(input, header.size % 2)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        })
        .map_err(|source| failed(&header.name, source))?;
    Ok(contents)
}

/// Passes over a member and its padding.
pub(super) fn skip_member(input: &mut impl BufRead, header: &Header) -> Result<(), DebFileError> {
    let length = header.size.saturating_add(header.size % 2);
    skip(input, length).map_err(|source| failed(&header.name, source))
}

fn skip(input: &mut impl BufRead, length: u64) -> io::Result<()> {
    let skipped = io::copy(&mut input.take(length), &mut io::sink())?;
    if skipped == length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
