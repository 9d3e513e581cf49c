//! A raw disk that is broken by hand.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::needs;
use crate::task_error::TaskError;

/// What `sfdisk --json` tells of a disk.
#[derive(Debug, Deserialize)]
struct Tables {
    partitiontable: Table,
}

#[derive(Debug, Deserialize)]
struct Table {
    partitions: Vec<Partition>,
}

#[derive(Debug, Deserialize)]
struct Partition {
    /// In sectors of 512 bytes.
    start: u64,
}

/// A disk whose first partition may be the EFI system partition, and whose last one is the root file system.
pub(super) struct Disk {
    path: Utf8PathBuf,
    starts: Vec<u64>,
    shell: Shell,
}

impl Disk {
    /// Reads where the partitions of a raw disk are.
    pub(super) fn open(path: &Utf8Path) -> Result<Self, TaskError> {
        let shell = Shell::new()?;
        shell.set_var("PATH", needs::path_with_administrators_programs());
        let json = cmd!(shell, "sfdisk --json {path}").quiet().read()?;
        let tables: Tables = serde_json::from_str(&json).map_err(|source| TaskError::Json {
            path: path.to_owned(),
            source,
        })?;
        let starts: Vec<u64> = tables
            .partitiontable
            .partitions
            .iter()
            .map(|partition| partition.start * 512)
            .collect();
        if starts.is_empty() {
            return Err(TaskError::Check(format!("{path} has no partitions")));
        }
        Ok(Self {
            path: path.to_owned(),
            starts,
            shell,
        })
    }

    /// Writes bytes at an offset.
    pub(super) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), TaskError> {
        OpenOptions::new()
            .write(true)
            .open(&self.path)
            .and_then(|file| file.write_all_at(bytes, offset))
            .map_err(TaskError::file("write", &self.path))
    }

    /// Removes a file of the root file system.
    pub(super) fn remove(&self, file: &str) -> Result<(), TaskError> {
        self.debugfs(&format!("rm {file}")).map(drop)
    }

    /// Finds the path of the file in `/boot` whose name begins so.
    pub(super) fn in_boot(&self, beginning: &str) -> Result<String, TaskError> {
        let listed = self.debugfs("ls -p /boot")?;
        listed
            .lines()
            .filter_map(|line| line.split('/').nth(5))
            .find(|name| name.starts_with(beginning))
            .map(|name| format!("/boot/{name}"))
            .ok_or_else(|| TaskError::Check(format!("no {beginning} in /boot:\n{listed}")))
    }

    /// Reads a file of the root file system.
    pub(super) fn read(&self, file: &str) -> Result<Vec<u8>, TaskError> {
        let copy = self.path.with_extension("file");
        self.debugfs(&format!("dump {file} {copy}"))?;
        let content = std::fs::read(&copy).map_err(TaskError::file("read", &copy))?;
        if content.is_empty() {
            return Err(TaskError::Check(format!("{file} is empty in {}", self.path)));
        }
        Ok(content)
    }

    /// Puts a file of the root file system in another's place.
    pub(super) fn replace(&self, file: &str, content: &[u8]) -> Result<(), TaskError> {
        let copy = self.path.with_extension("file");
        std::fs::write(&copy, content).map_err(TaskError::file("write", &copy))?;
        self.remove(file)?;
        self.debugfs(&format!("write {copy} {file}")).map(drop)
    }

    /// Changes a text in a file of the root file system, wherever it stands.
    pub(super) fn edit(&self, file: &str, old: &str, new: &str) -> Result<(), TaskError> {
        let text = String::from_utf8_lossy(&self.read(file)?).into_owned();
        if !text.contains(old) {
            return Err(TaskError::Check(format!(
                "{file} does not contain {old:?}:\n{text}"
            )));
        }
        self.replace(file, text.replace(old, new).as_bytes())
    }

    /// Gives the root file system another label.
    pub(super) fn relabel(&self, label: &str) -> Result<(), TaskError> {
        self.debugfs(&format!("set_super_value volume_name {label}"))
            .map(drop)
    }

    /// Runs a program of mtools on the EFI system partition.
    pub(super) fn mtools(&self, program: &str, arguments: &[&str]) -> Result<(), TaskError> {
        let image = format!("{}@@{}", self.path, self.starts[0]);
        Ok(cmd!(self.shell, "{program} -i {image} {arguments...}")
            .quiet()
            .ignore_stdout()
            .run()?)
    }

    /// Runs one request of debugfs on the root file system, and fails when it complains: its status says nothing.
    fn debugfs(&self, request: &str) -> Result<String, TaskError> {
        let root = self.starts.last().copied().unwrap_or_default();
        let file_system = format!("{}?offset={root}", self.path);
        let output = cmd!(self.shell, "debugfs -w -R {request} {file_system}")
            .quiet()
            .ignore_status()
            .output()?;
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        // The first line is its version.
        if complaints.lines().count() > 1 {
            return Err(TaskError::Check(format!("debugfs {request}: {complaints}")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
