//! The disk itself, its table and its partitions.

use super::super::error::Misplaced;
use super::super::flat::{FlatNode, FlatPartition};
use super::super::{LayoutFault, PartitionConfig, PartitionSize, SectorSize, TableConfig, TableKind};
use super::base;
use super::fields::{key_of, list, read_bytes, text, unknown_key, wrong_value};
use crate::ByteSize;
use crate::partition_table::PartitionType;

/// Of what partitions' begins are multiples when nothing else is said.
const USUAL_ALIGNMENT: u64 = 1 << 20;
/// How many partitions a GPT of the usual size has room for.
const MOST_IN_GPT: usize = 128;

pub(super) fn read_disk(node: &FlatNode<'_>) -> Result<(Option<ByteSize>, SectorSize), Misplaced> {
    let (mut size, mut sector_size) = (None, SectorSize::default());
    for (key, value) in &node.fields {
        match key_of(key)? {
            "size" => size = Some(ByteSize::from_bytes(read_bytes(&node.title(), value)?)),
            "block_size" => {
                sector_size = match text(value, "block_size")? {
                    "512" => SectorSize::Bytes512,
                    "4096" => SectorSize::Bytes4096,
                    other => {
                        return Err(wrong_value(
                            &node.title(),
                            value,
                            "block_size",
                            "512 or 4096",
                            other,
                        ));
                    }
                }
            }
            _ => return Err(unknown_key(&node.title(), key, &["name", "size", "block_size"])),
        }
    }
    Ok((size, sector_size))
}

pub(super) fn read_table(node: &FlatNode<'_>, disk: &FlatNode<'_>) -> Result<TableConfig, Misplaced> {
    let title = node.title();
    if base(node) != disk.name {
        let fault = LayoutFault::NoBase {
            node: title,
            base: base(node).to_owned(),
        };
        return Err((Some(node.place), fault));
    }
    let (mut kind, mut align) = (None, USUAL_ALIGNMENT);
    for (key, value) in &node.fields {
        match key_of(key)? {
            "label" => {
                kind = Some(match text(value, "label")? {
                    "mbr" => TableKind::Mbr,
                    "gpt" => TableKind::Gpt,
                    other => return Err(wrong_value(&title, value, "label", "mbr or gpt", other)),
                });
            }
            "align" => {
                align = read_bytes(&title, value)?;
                if !align.is_multiple_of(4096) {
                    let found = text(value, "align")?;
                    return Err(wrong_value(&title, value, "align", "a multiple of 4KiB", found));
                }
            }
            _ => {
                return Err(unknown_key(
                    &title,
                    key,
                    &["base", "name", "label", "align", "partitions"],
                ));
            }
        }
    }
    let missing = |key| {
        (
            Some(node.place),
            LayoutFault::Missing {
                node: title.clone(),
                key,
            },
        )
    };
    let kind = kind.ok_or_else(|| missing("label"))?;
    let flat = node.partitions.as_deref().unwrap_or_default();
    if flat.is_empty() {
        return Err(missing("partitions"));
    }
    let partitions: Result<Vec<PartitionConfig>, Misplaced> = flat
        .iter()
        .map(|partition| read_partition(partition, kind, disk))
        .collect();
    let partitions = partitions?;
    refuse_what_has_no_room(kind, flat, &partitions)?;
    Ok(TableConfig {
        kind,
        align,
        partitions,
    })
}

fn read_partition(
    flat: &FlatPartition<'_>,
    table: TableKind,
    disk: &FlatNode<'_>,
) -> Result<PartitionConfig, Misplaced> {
    const KEYS: [&str; 5] = ["name", "base", "type", "size", "flags"];
    let title = format!("the partition {}", flat.name);
    let (mut kind, mut size, mut is_bootable, mut is_primary) = (None, None, false, false);
    for (key, value) in &flat.fields {
        match key_of(key)? {
            "name" => {}
            "base" if text(value, "base")? == disk.name => {}
            "base" => {
                let base = text(value, "base")?.to_owned();
                return Err((Some(value.place), LayoutFault::NoBase { node: title, base }));
            }
            "type" => kind = Some((text(value, "type")?, value.place)),
            "size" => {
                let parsed: Result<PartitionSize, _> = text(value, "size")?.parse();
                let node = title.clone();
                size =
                    Some(parsed.map_err(|source| (Some(value.place), LayoutFault::Size { node, source }))?);
            }
            "flags" => {
                for flag in list(value, "flags")? {
                    match text(flag, "a flag")? {
                        "boot" => is_bootable = true,
                        "primary" if table == TableKind::Gpt => {
                            return Err((Some(flag.place), LayoutFault::PrimaryInGpt(flat.name.clone())));
                        }
                        "primary" => is_primary = true,
                        other => return Err(wrong_value(&title, flag, "a flag", "boot or primary", other)),
                    }
                }
            }
            _ => return Err(unknown_key(&title, key, &KEYS)),
        }
    }
    let size = size.ok_or_else(|| {
        let node = title.clone();
        (Some(flat.place), LayoutFault::Missing { node, key: "size" })
    })?;
    let kind = match kind {
        None => PartitionType::linux(table),
        Some((text, place)) => PartitionType::parse(text, table).map_err(|source| {
            let partition = flat.name.clone();
            (Some(place), LayoutFault::PartitionType { partition, source })
        })?,
    };
    Ok(PartitionConfig {
        name: flat.name.clone(),
        kind,
        size,
        is_bootable,
        is_logical: table == TableKind::Mbr && !is_primary,
    })
}

/// Refuses more partitions than the table or the disk has room for.
fn refuse_what_has_no_room(
    kind: TableKind,
    flat: &[FlatPartition<'_>],
    partitions: &[PartitionConfig],
) -> Result<(), Misplaced> {
    let most_primary = if partitions.iter().any(|partition| partition.is_logical) {
        3
    } else {
        4
    };
    let mut taker: Option<&str> = None;
    let mut seen_logical = false;
    for (index, (partition, flat)) in partitions.iter().zip(flat).enumerate() {
        let name = &partition.name;
        let at = |fault| Err((Some(flat.place), fault));
        if let Some(taker) = taker {
            let (partition, taker) = (name.clone(), taker.to_owned());
            return at(LayoutFault::NothingLeft { partition, taker });
        }
        if partition.size.is_all() {
            taker = Some(name);
        }
        match kind {
            TableKind::Gpt if index >= MOST_IN_GPT => return at(LayoutFault::TooManyPartitions),
            TableKind::Mbr if partition.is_logical => seen_logical = true,
            TableKind::Mbr if seen_logical => return at(LayoutFault::PrimaryBehindLogical(name.clone())),
            TableKind::Mbr if index >= most_primary => return at(LayoutFault::TooManyPrimary(name.clone())),
            TableKind::Mbr | TableKind::Gpt => {}
        }
    }
    Ok(())
}
