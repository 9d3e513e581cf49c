//! What a build needs of the machine beyond files: mounts, commands and a shell.

use std::collections::BTreeMap;

use camino::Utf8Path;
use dib_sys::command::{CommandError, CommandOutcome, HostCommand, Stream, TargetCommand};
use dib_sys::mounts::{self, MountError};
use dib_sys::{TargetPath, TargetRoot};

/// What a build needs of the machine beyond the target's files.
///
/// The sandbox's is [`SandboxMachine`]; `dib-testing` has one that only records.
pub trait Machine {
    /// Binds a directory of the host on a directory of the target.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn bind(&self, source: &Utf8Path, target: &TargetRoot, at: &TargetPath) -> Result<(), MountError>;

    /// Binds a directory of the host on a directory of the target so that nothing in it can be written.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn bind_read_only(
        &self,
        source: &Utf8Path,
        target: &TargetRoot,
        at: &TargetPath,
    ) -> Result<(), MountError>;

    /// Removes what is mounted at that path of the target.
    ///
    /// # Errors
    /// When nothing is, or the kernel refuses.
    fn unmount(&self, target: &TargetRoot, at: &TargetPath) -> Result<(), MountError>;

    /// Returns whether something is mounted at that path of the target.
    ///
    /// # Errors
    /// When the kernel can't say.
    fn is_mount_point(&self, target: &TargetRoot, at: &TargetPath) -> Result<bool, MountError>;

    /// Mounts what commands in the target expect: `/proc`, `/sys` and `/dev`.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn mount_kernel_file_systems(&self, target: &TargetRoot) -> Result<(), MountError>;

    /// Unmounts everything below the target's root but what is mounted at the paths `kept`.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn unmount_all(&self, target: &TargetRoot, kept: &[TargetPath]) -> Result<(), MountError>;

    /// Runs a command with the target as its root directory.
    ///
    /// # Errors
    /// When it can't be started. A command that fails is an outcome.
    fn run(
        &self,
        target: &TargetRoot,
        command: &TargetCommand,
        on_line: &mut dyn FnMut(Stream, &str),
    ) -> Result<CommandOutcome, CommandError>;

    /// Runs a command beside the target.
    ///
    /// # Errors
    /// When it can't be started. A command that fails is an outcome.
    fn run_on_host(
        &self,
        command: &HostCommand,
        on_line: &mut dyn FnMut(Stream, &str),
    ) -> Result<CommandOutcome, CommandError>;

    /// Opens a shell for a person, outside the target, and waits for its end.
    ///
    /// # Errors
    /// When it can't be started.
    fn shell(&self, command: &str, environment: &BTreeMap<String, String>) -> std::io::Result<()>;

    /// Opens a shell for a person with the target as its root directory, and waits for its end.
    ///
    /// # Errors
    /// When it can't be started.
    fn shell_in_target(
        &self,
        target: &TargetRoot,
        command: &str,
        environment: &BTreeMap<String, String>,
    ) -> std::io::Result<()>;
}

/// The machine as a sandboxed process sees it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SandboxMachine;

impl Machine for SandboxMachine {
    fn bind(&self, source: &Utf8Path, target: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
        mounts::bind(source, target, at)
    }

    fn bind_read_only(
        &self,
        source: &Utf8Path,
        target: &TargetRoot,
        at: &TargetPath,
    ) -> Result<(), MountError> {
        mounts::bind_read_only_recursive(source, target, at)
    }

    fn unmount(&self, target: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
        mounts::unmount(target, at)
    }

    fn is_mount_point(&self, target: &TargetRoot, at: &TargetPath) -> Result<bool, MountError> {
        mounts::is_mount_point(target, at)
    }

    fn mount_kernel_file_systems(&self, target: &TargetRoot) -> Result<(), MountError> {
        mounts::kernel_file_systems(target)
    }

    fn unmount_all(&self, target: &TargetRoot, kept: &[TargetPath]) -> Result<(), MountError> {
        mounts::unmount_all_but(target, kept)
    }

    fn run(
        &self,
        target: &TargetRoot,
        command: &TargetCommand,
        on_line: &mut dyn FnMut(Stream, &str),
    ) -> Result<CommandOutcome, CommandError> {
        dib_sys::command::run_in_target(target, command, on_line)
    }

    fn run_on_host(
        &self,
        command: &HostCommand,
        on_line: &mut dyn FnMut(Stream, &str),
    ) -> Result<CommandOutcome, CommandError> {
        dib_sys::command::run_on_host(command, on_line)
    }

    fn shell(&self, command: &str, environment: &BTreeMap<String, String>) -> std::io::Result<()> {
        let mut process = std::process::Command::new("sh");
        process.args(["-c", command]).envs(environment);
        // How the shell ends is the person's business, as it is upstream.
        process.status()?;
        dib_sys::sandbox::take_terminal_back()
    }

    fn shell_in_target(
        &self,
        target: &TargetRoot,
        command: &str,
        environment: &BTreeMap<String, String>,
    ) -> std::io::Result<()> {
        dib_sys::command::shell_in_target(target, command, environment)?;
        dib_sys::sandbox::take_terminal_back()
    }
}
