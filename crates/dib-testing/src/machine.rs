//! A machine that only records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use camino::Utf8Path;
use dib_core::Machine;
use dib_sys::command::{CommandError, CommandOutcome, CommandStatus, HostCommand, Stream, TargetCommand};
use dib_sys::mounts::MountError;
use dib_sys::{TargetPath, TargetRoot};

/// Mounts nothing and runs nothing, but behaves as if it had; programs beside the target it runs where a test says so.
#[derive(Debug, Default)]
pub(crate) struct RecordingMachine {
    mounted: Mutex<BTreeSet<TargetPath>>,
    failing: BTreeMap<String, i32>,
    runs_on_host: bool,
}

impl RecordingMachine {
    pub(crate) fn mounted(&self, path: TargetPath) {
        self.mounts().insert(path);
    }

    pub(crate) fn failing(&mut self, program: &str, status: i32) {
        self.failing.insert(program.to_owned(), status);
    }

    pub(crate) fn running_on_host(&mut self) {
        self.runs_on_host = true;
    }

    fn outcome(&self, argv: &[String]) -> CommandOutcome {
        let program = argv.first();
        let status = program.and_then(|program| self.failing.get(program));
        CommandOutcome {
            status: CommandStatus::Exited(status.copied().unwrap_or(0)),
            last_lines: Vec::new(),
        }
    }

    fn mounts(&self) -> std::sync::MutexGuard<'_, BTreeSet<TargetPath>> {
        self.mounted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machine for RecordingMachine {
    fn bind(&self, _source: &Utf8Path, _target: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
        self.mounted(at.clone());
        Ok(())
    }

    fn bind_read_only(
        &self,
        _source: &Utf8Path,
        _target: &TargetRoot,
        at: &TargetPath,
    ) -> Result<(), MountError> {
        self.mounted(at.clone());
        Ok(())
    }

    fn unmount(&self, _target: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
        self.mounts().remove(at);
        Ok(())
    }

    fn is_mount_point(&self, _target: &TargetRoot, at: &TargetPath) -> Result<bool, MountError> {
        Ok(self.mounts().contains(at))
    }

    fn mount_kernel_file_systems(&self, _target: &TargetRoot) -> Result<(), MountError> {
        Ok(())
    }

    fn unmount_all(&self, _target: &TargetRoot, kept: &[TargetPath]) -> Result<(), MountError> {
        self.mounts().retain(|at| kept.contains(at));
        Ok(())
    }

    fn run(
        &self,
        _target: &TargetRoot,
        command: &TargetCommand,
        _on_line: &mut dyn FnMut(Stream, &str),
    ) -> Result<CommandOutcome, CommandError> {
        Ok(self.outcome(&command.argv))
    }

    fn run_on_host(
        &self,
        command: &HostCommand,
        on_line: &mut dyn FnMut(Stream, &str),
    ) -> Result<CommandOutcome, CommandError> {
        if self.runs_on_host {
            return dib_sys::command::run_on_host(command, on_line);
        }
        Ok(self.outcome(&command.argv))
    }

    fn shell(&self, _command: &str, _environment: &BTreeMap<String, String>) -> std::io::Result<()> {
        Ok(())
    }

    fn shell_in_target(
        &self,
        _target: &TargetRoot,
        _command: &str,
        _environment: &BTreeMap<String, String>,
    ) -> std::io::Result<()> {
        Ok(())
    }
}
