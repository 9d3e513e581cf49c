//! What the nodes mean, and whether they fit together.

mod disk;
mod fields;

use super::error::Misplaced;
use super::flat::{FlatNode, FlatPartition};
use super::{
    BlockDeviceConfig, FileSystemConfig, FileSystemType, FstabConfig, LayoutFault, MountConfig, SectorSize,
    TableKind,
};
use fields::{key_of, read_number, text, unknown_key, wrong_value};

/// Makes a layout of nodes.
pub(super) fn interpret(nodes: &[FlatNode<'_>], origin: &str) -> Result<BlockDeviceConfig, Misplaced> {
    refuse_duplicate_names(nodes)?;
    let of = |kind| nodes.iter().filter(move |node| node.kind == kind);
    let disks: Vec<&FlatNode<'_>> = of("local_loop").collect();
    let [disk] = disks.as_slice() else {
        let place = disks.get(1).map(|node| node.place);
        return Err((place, LayoutFault::Disks(disks.len())));
    };
    let (size, sector_size) = disk::read_disk(disk)?;

    let mut tables = of("partitioning");
    let table_node = tables.next();
    if let (Some(first), Some(second)) = (table_node, tables.next()) {
        return Err(shared(second, first, &disk.title()));
    }
    let table = table_node.map(|node| disk::read_table(node, disk)).transpose()?;
    if table.as_ref().is_some_and(|table| table.kind == TableKind::Mbr) && sector_size != SectorSize::Bytes512
    {
        return Err((Some(disk.place), LayoutFault::MbrSectorSize));
    }

    let links = Links {
        nodes,
        disk,
        table_node,
    };
    let mut file_systems = Vec::new();
    let mut made: Vec<(&FlatNode<'_>, Option<usize>)> = Vec::new();
    for node in of("mkfs") {
        let file_system = read_file_system(node, links.partition_of(node)?)?;
        let partition = file_system.partition;
        if let Some((other, _)) = made.iter().find(|(_, taken)| *taken == partition) {
            return Err(shared(node, other, base(node)));
        }
        made.push((node, partition));
        file_systems.push(file_system);
    }
    let mounts = read_mounts(&links, &made, &mut file_systems)?;
    read_fstabs(&links, &mounts, &mut file_systems)?;
    let is_root = |file_system: &&FileSystemConfig| {
        file_system
            .mount
            .as_ref()
            .is_some_and(|mount| mount.mount_point == "/")
    };
    if !file_systems.iter().any(|file_system| is_root(&file_system)) {
        return Err((None, LayoutFault::NoRoot));
    }
    Ok(BlockDeviceConfig {
        origin: origin.to_owned(),
        disk_name: disk.name.clone(),
        size,
        sector_size,
        table,
        file_systems,
    })
}

/// What stands on what.
struct Links<'l, 'd> {
    nodes: &'l [FlatNode<'d>],
    disk: &'l FlatNode<'d>,
    table_node: Option<&'l FlatNode<'d>>,
}

impl<'l, 'd> Links<'l, 'd> {
    fn partitions(&self) -> &'l [FlatPartition<'d>] {
        self.table_node
            .and_then(|node| node.partitions.as_deref())
            .unwrap_or_default()
    }

    /// Returns the index of the partition that a file system stands on, or `None` for the disk.
    fn partition_of(&self, node: &FlatNode<'_>) -> Result<Option<usize>, Misplaced> {
        let wanted = if self.table_node.is_some() {
            "a partition"
        } else {
            "the disk"
        };
        if let Some(index) = self
            .partitions()
            .iter()
            .position(|partition| partition.name == base(node))
        {
            return Ok(Some(index));
        }
        if base(node) == self.disk.name && self.table_node.is_none() {
            return Ok(None);
        }
        Err(self.wrong_base(node, wanted))
    }

    /// Returns the index that a node's base has among `carriers`.
    fn carrier_of(
        &self,
        node: &FlatNode<'_>,
        carriers: &[&FlatNode<'_>],
        wanted: &'static str,
    ) -> Result<usize, Misplaced> {
        let found = carriers.iter().position(|carrier| carrier.name == base(node));
        found.ok_or_else(|| self.wrong_base(node, wanted))
    }

    /// Makes the error that a node's base can't carry it, or is nowhere.
    fn wrong_base(&self, node: &FlatNode<'_>, wanted: &'static str) -> Misplaced {
        let base = base(node);
        let known = self
            .nodes
            .iter()
            .find(|known| known.name == base)
            .map(FlatNode::title);
        let partition = self.partitions().iter().find(|partition| partition.name == base);
        let known = known.or_else(|| partition.map(|partition| format!("the partition {}", partition.name)));
        let node_title = node.title();
        let fault = match known {
            Some(base) => LayoutFault::WrongBase {
                node: node_title,
                base,
                wanted,
            },
            None => LayoutFault::NoBase {
                node: node_title,
                base: base.to_owned(),
            },
        };
        (Some(node.place), fault)
    }
}

fn base<'n>(node: &'n FlatNode<'_>) -> &'n str {
    node.base.as_deref().unwrap_or_default()
}

fn shared(node: &FlatNode<'_>, other: &FlatNode<'_>, base: &str) -> Misplaced {
    let fault = LayoutFault::SharedBase {
        node: node.title(),
        other: other.title(),
        base: base.to_owned(),
    };
    (Some(node.place), fault)
}

fn refuse_duplicate_names(nodes: &[FlatNode<'_>]) -> Result<(), Misplaced> {
    let mut seen: Vec<(&str, String)> = Vec::new();
    for node in nodes {
        // Upstream's node for the table itself has no name that anything could refer to.
        let own = (node.kind != "partitioning").then(|| (node.name.as_str(), node.place, node.title()));
        let partitions = node.partitions.iter().flatten().map(|partition| {
            let title = format!("the partition {}", partition.name);
            (partition.name.as_str(), partition.place, title)
        });
        for (name, place, title) in own.into_iter().chain(partitions) {
            if let Some((_, other)) = seen.iter().find(|(other, _)| *other == name) {
                let other = other.clone();
                return Err((Some(place), LayoutFault::DuplicateName { node: title, other }));
            }
            seen.push((name, title));
        }
    }
    Ok(())
}

fn read_file_system(node: &FlatNode<'_>, partition: Option<usize>) -> Result<FileSystemConfig, Misplaced> {
    let title = node.title();
    let mut file_system = FileSystemConfig {
        name: node.name.clone(),
        partition,
        kind: None,
        label: None,
        identifier: None,
        options: None,
        mount: None,
        place: Some(node.place),
    };
    for (key, value) in &node.fields {
        match key_of(key)? {
            "type" => {
                let parsed = text(value, "type")?.parse().map_err(|source| {
                    let node = title.clone();
                    (Some(value.place), LayoutFault::FileSystemType { node, source })
                })?;
                file_system.kind = Some(parsed);
            }
            "label" => file_system.label = Some(text(value, "label")?.to_owned()),
            "uuid" => file_system.identifier = Some(text(value, "uuid")?.to_owned()),
            "opts" => {
                let options = text(value, "opts")?.split_whitespace();
                file_system.options = Some(options.map(str::to_owned).collect());
            }
            _ => {
                return Err(unknown_key(
                    &title,
                    key,
                    &["base", "name", "type", "label", "uuid", "opts"],
                ));
            }
        }
    }
    Ok(file_system)
}

/// Reads where file systems are mounted, and returns the nodes that say so, with the index of the file system.
fn read_mounts<'l, 'd>(
    links: &Links<'l, 'd>,
    made: &[(&FlatNode<'_>, Option<usize>)],
    file_systems: &mut [FileSystemConfig],
) -> Result<Vec<(&'l FlatNode<'d>, usize)>, Misplaced> {
    let carriers: Vec<&FlatNode<'_>> = made.iter().map(|(node, _)| *node).collect();
    let mut mounts: Vec<(&FlatNode<'_>, usize)> = Vec::new();
    for node in links.nodes.iter().filter(|node| node.kind == "mount") {
        let title = node.title();
        let index = links.carrier_of(node, &carriers, "a file system (mkfs)")?;
        if let Some((other, _)) = mounts.iter().find(|(_, taken)| *taken == index) {
            return Err(shared(node, other, base(node)));
        }
        let mut mount_point = None;
        for (key, value) in &node.fields {
            match key_of(key)? {
                "mount_point" => mount_point = Some((text(value, "mount_point")?, *value)),
                _ => return Err(unknown_key(&title, key, &["base", "name", "mount_point"])),
            }
        }
        let Some((mount_point, value)) = mount_point else {
            let (node_title, key) = (title, "mount_point");
            return Err((
                Some(node.place),
                LayoutFault::Missing {
                    node: node_title,
                    key,
                },
            ));
        };
        let is_swap = file_systems[index].kind == Some(FileSystemType::Swap);
        if !is_swap && !is_plain_path(mount_point) {
            let wanted = "an absolute path without \".\" and \"..\"";
            return Err(wrong_value(&title, value, "mount_point", wanted, mount_point));
        }
        let of_other = |(_, index): &&(&FlatNode<'_>, usize)| {
            file_systems[*index]
                .mount
                .as_ref()
                .is_some_and(|mount| mount.mount_point == mount_point)
        };
        if let Some((other, _)) = mounts.iter().find(of_other) {
            let (other, mount_point) = (other.title(), mount_point.to_owned());
            return Err((
                Some(node.place),
                LayoutFault::SharedMountPoint {
                    node: title,
                    other,
                    mount_point,
                },
            ));
        }
        let mount_point = mount_point.to_owned();
        file_systems[index].mount = Some(MountConfig {
            mount_point,
            fstab: None,
        });
        mounts.push((node, index));
    }
    Ok(mounts)
}

fn is_plain_path(path: &str) -> bool {
    path == "/"
        || path.strip_prefix('/').is_some_and(|relative| {
            let is_plain = |part: &str| !matches!(part, "" | "." | "..");
            relative.split('/').all(is_plain) && !relative.contains(char::is_control)
        })
}

fn read_fstabs(
    links: &Links<'_, '_>,
    mounts: &[(&FlatNode<'_>, usize)],
    file_systems: &mut [FileSystemConfig],
) -> Result<(), Misplaced> {
    let carriers: Vec<&FlatNode<'_>> = mounts.iter().map(|(node, _)| *node).collect();
    let mut taken: Vec<(&FlatNode<'_>, usize)> = Vec::new();
    for node in links.nodes.iter().filter(|node| node.kind == "fstab") {
        let title = node.title();
        let index = links.carrier_of(node, &carriers, "a mount")?;
        if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == index) {
            return Err(shared(node, other, base(node)));
        }
        taken.push((node, index));
        let mut fstab = FstabConfig {
            options: "defaults".to_owned(),
            dump_frequency: 0,
            check_pass: 2,
        };
        for (key, value) in &node.fields {
            match key_of(key)? {
                "options" => {
                    let options = text(value, "options")?;
                    if options.is_empty() || options.contains(char::is_whitespace) {
                        let wanted = "options without blanks between them";
                        return Err(wrong_value(&title, value, "options", wanted, options));
                    }
                    options.clone_into(&mut fstab.options);
                }
                "dump-freq" => fstab.dump_frequency = read_number(&title, value, "dump-freq")?,
                "fsck-passno" => fstab.check_pass = read_number(&title, value, "fsck-passno")?,
                _ => {
                    let known = &["base", "name", "options", "dump-freq", "fsck-passno"];
                    return Err(unknown_key(&title, key, known));
                }
            }
        }
        let mount = file_systems[mounts[index].1].mount.as_mut();
        mount
            .expect("a mount's node has given its file system a mount")
            .fstab = Some(fstab);
    }
    Ok(())
}
