//! Extended attributes.

use super::bytes::Bytes;
use super::image::{Image, MetadataReader, ReadError};
use crate::tree::ExtendedAttribute;

/// The most attributes of one inode, and the longest value, that Linux admits.
const ATTRIBUTES_AT_MOST: u32 = 65536;
const VALUE_AT_MOST: u32 = 65536;
/// In an attribute's type: the value stands elsewhere, shared with other inodes.
const ELSEWHERE: u16 = 0x100;

/// Reads the attributes at an index of the table.
pub(super) fn read(image: &Image, index: u32) -> Result<Vec<ExtendedAttribute>, ReadError> {
    let table = image.superblock.extended_table;
    if table == u64::MAX {
        return Err(ReadError::Malformed("it has no table of extended attributes"));
    }
    let mut start = [0; 16];
    image.read_at(table, &mut start)?;
    let mut start = Bytes(&start);
    let (values, count) = (start.u64()?, start.u32()?);
    if index >= count {
        return Err(ReadError::Malformed(
            "its extended attributes are not in the table",
        ));
    }
    // The index of the table's blocks of metadata follows; each holds 512 records of 16 bytes.
    let mut pointer = [0; 8];
    image.read_at(table + 16 + u64::from(index / 512) * 8, &mut pointer)?;
    let record: [u8; 16] = image
        .metadata(u64::from_le_bytes(pointer), u64::from(index % 512) * 16)?
        .array()?;
    let mut record = Bytes(&record);
    let (reference, count) = (record.u64()?, record.u32()?);
    if count > ATTRIBUTES_AT_MOST {
        return Err(ReadError::Malformed("it has too many extended attributes"));
    }
    let mut metadata = image.metadata(values, reference)?;
    let mut attributes = Vec::new();
    for _ in 0..count {
        let header: [u8; 4] = metadata.array()?;
        let mut header = Bytes(&header);
        let (kind, length) = (header.u16()?, header.u16()?);
        let mut name = match kind & 0xff {
            0 => b"user.".to_vec(),
            1 => b"trusted.".to_vec(),
            2 => b"security.".to_vec(),
            _ => {
                return Err(ReadError::Malformed(
                    "an extended attribute is of an unknown kind",
                ));
            }
        };
        name.extend(metadata.take(usize::from(length))?);
        let value = read_value(&mut metadata)?;
        let value = if kind & ELSEWHERE == 0 {
            value
        } else {
            let reference = Bytes(&value).u64()?;
            read_value(&mut image.metadata(values, reference)?)?
        };
        attributes.push((name, value));
    }
    Ok(attributes)
}

fn read_value(metadata: &mut MetadataReader<'_>) -> Result<Vec<u8>, ReadError> {
    let length = metadata.u32()?;
    if length > VALUE_AT_MOST {
        return Err(ReadError::Malformed("an extended attribute is too long"));
    }
    metadata.take(usize::try_from(length).unwrap_or(usize::MAX))
}
