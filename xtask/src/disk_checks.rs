//! Checks on disks and on the formats they come in, by programs that are not ours.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::needs;
use crate::progress;
use crate::tar_members;
use crate::task_error::TaskError;

/// Every type of output, so that one build makes them all.
pub(crate) const ALL_TYPES: &str = "raw,qcow2,vhd,vmdk,raw.zst,tar,tgz,squashfs,docker,oci";

/// What `sfdisk --json` tells of a disk.
#[derive(Debug, Deserialize)]
struct Tables {
    partitiontable: Table,
}

#[derive(Debug, Deserialize)]
struct Table {
    label: String,
    #[serde(default = "usual_sector")]
    sectorsize: u64,
    #[serde(default)]
    partitions: Vec<Partition>,
}

#[derive(Debug, Deserialize)]
struct Partition {
    start: u64,
    size: u64,
}

fn usual_sector() -> u64 {
    512
}

/// What is reported of a partition without a file system.
pub(crate) const NO_FILE_SYSTEM: &str = "no file system";

/// Checks the partition table of `image.raw` in a directory, and the file systems of its partitions, which must be of these
/// types.
pub(crate) fn check_disk(directory: &Utf8Path, expected: &[&str]) -> Result<(), TaskError> {
    let shell = shell_in(directory)?;
    progress::step(format!("checking the disk {directory}/image.raw"));
    // It ends well whatever it finds.
    let said = cmd!(shell, "sfdisk --verify image.raw").quiet().read()?;
    require(said.contains("No errors detected"), || {
        format!("sfdisk finds errors:\n{said}")
    })?;
    let json = cmd!(shell, "sfdisk --json image.raw").quiet().read()?;
    let tables: Tables = serde_json::from_str(&json).map_err(|source| TaskError::Json {
        path: directory.join("image.raw"),
        source,
    })?;
    let table = tables.partitiontable;
    if table.label == "gpt" {
        let said = cmd!(shell, "sgdisk --verify image.raw").quiet().read()?;
        require(said.contains("No problems found"), || {
            format!("sgdisk finds problems:\n{said}")
        })?;
    }
    let mut kinds = Vec::new();
    for partition in &table.partitions {
        kinds.push(check_partition(&shell, partition, table.sectorsize)?);
    }
    // A file system that nobody recognizes would be checked by nobody.
    require(kinds == expected, || {
        format!("the partitions hold {kinds:?}, not {expected:?}")
    })?;
    progress::step(format!("{}: {} is clean", table.label, kinds.join(", ")));
    Ok(())
}

/// Checks the file system of a partition, in a copy, and says what it is.
fn check_partition(shell: &Shell, partition: &Partition, sector: u64) -> Result<String, TaskError> {
    let (start, size) = (
        (partition.start * sector).to_string(),
        (partition.size * sector).to_string(),
    );
    let copy = "partition";
    // Bytes are counted, and holes stay holes.
    cmd!(
        shell,
        "dd if=image.raw of={copy} bs=1M iflag=skip_bytes,count_bytes skip={start} count={size} conv=sparse status=none"
    )
    .quiet()
    .run()?;
    let kind = cmd!(shell, "blkid -p -s TYPE -o value {copy}")
        .quiet()
        .ignore_status()
        .read()?;
    match kind.as_str() {
        "ext2" | "ext3" | "ext4" => cmd!(shell, "e2fsck -f -n {copy}").quiet().ignore_stdout().run()?,
        "vfat" => cmd!(shell, "fsck.vfat -n {copy}").quiet().ignore_stdout().run()?,
        "xfs" => cmd!(shell, "xfs_repair -n -f {copy}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()?,
        "" | "swap" => {}
        other => {
            return Err(TaskError::Check(format!(
                "a partition holds {other}, which nobody checks"
            )));
        }
    }
    shell.remove_path(copy)?;
    Ok(if kind.is_empty() {
        NO_FILE_SYSTEM.to_owned()
    } else {
        kind
    })
}

/// Checks that `image.*` in a directory, of [`ALL_TYPES`], are the same disk and the same tree.
pub(crate) fn check_formats(directory: &Utf8Path) -> Result<(), TaskError> {
    let shell = shell_in(directory)?;
    progress::step(format!("checking the formats in {directory}"));
    cmd!(shell, "qemu-img check -q image.qcow2").quiet().run()?;
    for (extension, format) in [("qcow2", "qcow2"), ("vhd", "vpc"), ("vmdk", "vmdk")] {
        let file = format!("image.{extension}");
        cmd!(shell, "qemu-img compare -q -f raw -F {format} image.raw {file}")
            .quiet()
            .run()?;
    }
    let same = |decompress: &str, file: &str, original: &str| {
        let script = format!("{decompress} <{file} | cmp - {original}");
        cmd!(shell, "sh -c {script}").quiet().run()
    };
    same("zstd -dc", "image.raw.zst", "image.raw")?;
    same("gzip -dc", "image.tgz", "image.tar")?;
    let tree = tar_members::read(&directory.join("image.tar"))?;
    let squashfs = tar_members::read_output_of(
        Command::new("sqfs2tar")
            .arg(directory.join("image.squashfs"))
            .env("PATH", needs::path_with_administrators_programs()),
    )?;
    compare(
        "squashfs",
        &tar_members::without_access_lists(tree.clone()),
        &squashfs,
    )?;
    for (name, layer) in [("oci", oci_layer as fn(&Utf8Path) -> _), ("docker", docker_layer)] {
        let unpacked = directory.join(format!("{name}.unpacked"));
        shell.create_dir(&unpacked)?;
        let archive = format!("image.{name}");
        cmd!(shell, "tar --extract --file {archive} --directory {unpacked}")
            .quiet()
            .run()?;
        let layer = layer(&unpacked)?;
        let members = tar_members::read_output_of(Command::new("sh").args([
            "-c",
            r#"gzip -dcf <"$1""#,
            "sh",
            layer.as_str(),
        ]))?;
        compare(name, &tree, &members)?;
        shell.remove_path(&unpacked)?;
    }
    Ok(())
}

fn compare(name: &str, tree: &[tar_members::Member], other: &[tar_members::Member]) -> Result<(), TaskError> {
    let faults = tar_members::differences_of_trees(tree, other);
    require(faults.is_empty(), || {
        let some: Vec<&str> = faults.iter().take(20).map(String::as_str).collect();
        format!(
            "{name} differs from the tar in {} files:\n  {}",
            faults.len(),
            some.join("\n  ")
        )
    })?;
    progress::step(format!("{name} holds the {} members of the tar", tree.len()));
    Ok(())
}

/// Finds the layer of an OCI image layout.
fn oci_layer(directory: &Utf8Path) -> Result<Utf8PathBuf, TaskError> {
    let index = json(&directory.join("index.json"))?;
    let blob = |digest: Option<&str>| {
        let digest = digest.unwrap_or_default().replace(':', "/");
        directory.join("blobs").join(digest)
    };
    let manifest = json(&blob(index["manifests"][0]["digest"].as_str()))?;
    Ok(blob(manifest["layers"][0]["digest"].as_str()))
}

/// Finds the layer of what `docker load` reads.
fn docker_layer(directory: &Utf8Path) -> Result<Utf8PathBuf, TaskError> {
    let manifest = json(&directory.join("manifest.json"))?;
    Ok(directory.join(manifest[0]["Layers"][0].as_str().unwrap_or_default()))
}

fn json(path: &Utf8Path) -> Result<serde_json::Value, TaskError> {
    let text = fs::read(path).map_err(TaskError::file("read", path))?;
    serde_json::from_slice(&text).map_err(|source| TaskError::Json {
        path: path.to_owned(),
        source,
    })
}

fn shell_in(directory: &Utf8Path) -> Result<Shell, TaskError> {
    let shell = Shell::new()?;
    shell.change_dir(directory);
    shell.set_var("PATH", needs::path_with_administrators_programs());
    Ok(shell)
}

fn require(holds: bool, fault: impl FnOnce() -> String) -> Result<(), TaskError> {
    if holds {
        Ok(())
    } else {
        Err(TaskError::Check(fault()))
    }
}
