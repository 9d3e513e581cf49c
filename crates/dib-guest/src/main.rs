//! The first process of a small virtual machine: it makes the host's files visible, runs one command and powers off.
//!
//! `cargo xtask build-image --vm` puts this program into an initramfs as `/init`, beside the kernel modules it needs and
//! `/job.json`, which says what to do ([`job::Job`]). The root file system is the host's, read-only, with directories in memory
//! where programs expect to write, and those directories of the host that the command shall write to. It must be linked
//! statically, and must not know what the command does.
//!
//! In reading order:
//! - [`job`]: what is to be done.
//! - [`root`]: modules, mounts and the network.

mod job;
mod root;

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use job::Job;
use nix::sys::reboot::{RebootMode, reboot};

/// Where the initramfs has the job.
const JOB: &str = "/job.json";

/// What keeps the command from being run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuestError {
    /// A file of the initramfs or the machine can't be read or written.
    #[error("failed to {action} {path}: {source}")]
    File {
        action: &'static str,
        path: String,
        source: std::io::Error,
    },
    /// The job can't be understood.
    #[error("{JOB} says what makes no sense: {0}")]
    Job(#[from] serde_json::Error),
    /// A module can't be loaded.
    #[error("failed to load the kernel module {path}: {source}")]
    Module { path: String, source: nix::Error },
    /// A mount failed.
    #[error("failed to mount {what} on {on}: {source}")]
    Mount {
        what: String,
        on: String,
        source: nix::Error,
    },
    /// The command, or one that sets up the network, failed.
    #[error("failed to run {program}: {source}")]
    Run { program: String, source: std::io::Error },
    /// A command that sets up the network ended with a status.
    #[error("{command} ended with status {status}")]
    Status { command: String, status: i32 },
}

fn main() {
    if std::process::id() != 1 {
        let _ = writeln!(
            std::io::stderr(),
            "dib-guest-init is the first process of a virtual machine and nothing else"
        );
        std::process::exit(2);
    }
    if let Err(error) = do_job() {
        // The console is all there is. A status is not written, and its absence is the failure.
        let _ = writeln!(std::io::stderr(), "dib-guest-init: {error}");
    }
    nix::unistd::sync();
    let _ = reboot(RebootMode::RB_POWER_OFF);
}

/// Does the job and writes the command's exit status where the job wants it.
fn do_job() -> Result<(), GuestError> {
    root::mount_kernel_file_systems("")?;
    let text = fs::read(JOB).map_err(file("read", JOB))?;
    let job: Job = serde_json::from_slice(&text)?;
    root::load_modules(&job.modules)?;
    root::mount_host(&job)?;
    root::set_up_network(&job)?;
    let status = run(&job)?;
    fs::write(&job.status, format!("{status}\n")).map_err(file("write", &job.status))
}

/// Runs the command in the host's files, and returns its exit status as a shell would tell it.
fn run(job: &Job) -> Result<i32, GuestError> {
    let (program, arguments) = job.command.split_first().ok_or_else(|| GuestError::Run {
        program: String::new(),
        source: std::io::ErrorKind::InvalidInput.into(),
    })?;
    let status = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&job.environment)
        .current_dir(&job.directory)
        .arg0(program)
        .status()
        .map_err(|source| GuestError::Run {
            program: program.clone(),
            source,
        })?;
    Ok(status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

pub(crate) fn file<'p>(
    action: &'static str,
    path: &'p str,
) -> impl FnOnce(std::io::Error) -> GuestError + use<'p> {
    move |source| GuestError::File {
        action,
        path: path.to_owned(),
        source,
    }
}
