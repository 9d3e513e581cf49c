//! A build inside a small virtual machine, for hosts that forbid user namespaces.
//!
//! The machine has a kernel of the distribution's, an initramfs of `dib-guest-init` and the modules it needs, and no disk: the host's
//! root directory is its root, read-only, and the output's directory and the image cache can be written to. It needs nobody's
//! rights but the current user's.

mod initramfs;
mod kernel;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use xshell::cmd;

use crate::needs;
use crate::progress;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

use kernel::Kernel;

/// The machine's memory in MiB: the tree and the disk are in it.
const MEMORY_MIB: u32 = 6144;
/// QEMU's network for a machine of its user. Source: QEMU's documentation of `-netdev user`.
const ADDRESS: &str = "10.0.2.15/24";
const GATEWAY: &str = "10.0.2.2";
const RESOLVER: &str = "nameserver 10.0.2.3\n";

/// Directories that programs write to without being asked, each of which the machine has in memory.
const IN_MEMORY: [&str; 4] = ["/tmp", "/run", "/var/tmp", "/root"];

/// What the first process of the machine reads; `dib-guest` has the other side.
#[derive(Debug, Serialize)]
struct Job {
    modules: Vec<String>,
    root: String,
    writable: BTreeMap<Utf8PathBuf, String>,
    in_memory: Vec<&'static str>,
    network: Vec<Vec<&'static str>>,
    resolver: &'static str,
    command: Vec<String>,
    environment: BTreeMap<String, String>,
    directory: Utf8PathBuf,
    status: Utf8PathBuf,
}

/// A command to be run in the machine.
pub(crate) struct InMachine<'c> {
    /// The command as it would be run on the host.
    pub(crate) command: &'c Command,
    /// The directories that it works in. All else of the host is read-only, or not there where the machine has memory
    /// instead.
    pub(crate) directories: Vec<Utf8PathBuf>,
}

/// Runs a command in a machine of its own and returns its exit status.
///
/// # Errors
/// When there is no kernel or no QEMU, or when the machine ends without having run the command.
pub(crate) fn run(workspace: &Workspace, wanted: &InMachine<'_>) -> Result<u8, TaskError> {
    needs::meet(&[needs::VM_BUILD])?;
    let place = workspace.target.join("vm-build");
    fs::create_dir_all(&place).map_err(TaskError::file("create", &place))?;
    let kernel = kernel::fetch(&place)?;
    let init = build_init(workspace)?;
    let run_directory = make_private(&place.join(format!("run-{}", std::process::id())))?;
    let result = run_in(&run_directory, &kernel, &init, wanted);
    fs::remove_dir_all(&run_directory).map_err(TaskError::file("remove", &run_directory))?;
    result
}

/// Makes a directory that nobody else can enter: the environment, which the job holds, may have secrets. What an earlier run
/// of the same number has left goes first.
fn make_private(directory: &Utf8Path) -> Result<Utf8PathBuf, TaskError> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(TaskError::file("remove", directory))?;
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(directory)
        .map_err(TaskError::file("create", directory))?;
    Ok(directory.to_owned())
}

fn run_in(
    place: &Utf8Path,
    kernel: &Kernel,
    init: &Utf8Path,
    wanted: &InMachine<'_>,
) -> Result<u8, TaskError> {
    let status_file = place.join("status");
    let mut writable = vec![place.to_owned()];
    writable.extend_from_slice(&wanted.directories);
    let writable = without_nested(writable);
    let job = job_of(kernel, wanted, &writable, &status_file)?;
    let text = serde_json::to_vec_pretty(&job).expect("a job is texts alone");
    let initramfs = place.join("initramfs");
    initramfs::write(&initramfs, init, &kernel.modules, &text)?;
    let mut qemu = qemu(kernel, &initramfs, &writable);
    progress::step("starting the virtual machine");
    let ended = qemu.status().map_err(TaskError::file("run", qemu_name()))?;
    let status = fs::read_to_string(&status_file).ok();
    let status = status.and_then(|text| text.trim().parse::<i32>().ok());
    status.map(|status| u8::try_from(status).unwrap_or(1)).ok_or_else(|| {
        TaskError::Check(format!(
            "the virtual machine ended without having run the command ({ended}); its console above says why"
        ))
    })
}

/// Links the first process statically, since the initramfs holds no libraries.
fn build_init(workspace: &Workspace) -> Result<Utf8PathBuf, TaskError> {
    let shell = workspace.shell()?;
    let version = cmd!(shell, "rustc -vV").quiet().read()?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or_else(|| TaskError::Check("rustc -vV names no host".to_owned()))?
        .to_owned();
    shell.set_var("RUSTFLAGS", "-C target-feature=+crt-static");
    cmd!(
        shell,
        "cargo build --quiet --release --package dib-guest --target {host}"
    )
    .quiet()
    .run()?;
    Ok(workspace.target.join(host).join("release/dib-guest-init"))
}

fn job_of(
    kernel: &Kernel,
    wanted: &InMachine<'_>,
    writable: &[Utf8PathBuf],
    status: &Utf8Path,
) -> Result<Job, TaskError> {
    let command = wanted.command;
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let mut environment: BTreeMap<String, String> = env::vars().collect();
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => environment.insert(text(name), text(value)),
            None => environment.remove(&text(name)),
        };
    }
    let mut argv = vec![text(command.get_program())];
    argv.extend(command.get_args().map(text));
    let directory = match command.get_current_dir() {
        Some(directory) => Utf8PathBuf::from(directory.to_string_lossy().into_owned()),
        None => env::current_dir()
            .ok()
            .and_then(|directory| Utf8PathBuf::try_from(directory).ok())
            .ok_or_else(|| TaskError::Check("the current directory has no name".to_owned()))?,
    };
    Ok(Job {
        modules: (0..kernel.modules.len()).map(initramfs::module_path).collect(),
        root: "host".to_owned(),
        writable: writable
            .iter()
            .enumerate()
            .map(|(number, directory)| (directory.clone(), share(number)))
            .collect(),
        in_memory: IN_MEMORY.to_vec(),
        network: vec![
            vec!["ip", "link", "set", "lo", "up"],
            vec!["ip", "addr", "add", ADDRESS, "dev", "eth0"],
            vec!["ip", "link", "set", "eth0", "up"],
            vec!["ip", "route", "add", "default", "via", GATEWAY],
        ],
        resolver: RESOLVER,
        command: argv,
        environment,
        directory,
        status: status.to_owned(),
    })
}

fn qemu_name() -> &'static str {
    match env::consts::ARCH {
        "aarch64" => "qemu-system-aarch64",
        _ => "qemu-system-x86_64",
    }
}

/// Returns the command that is the machine. KVM is left alone: where it hangs a guest, nobody is there to see it.
fn qemu(kernel: &Kernel, initramfs: &Utf8Path, writable: &[Utf8PathBuf]) -> Command {
    let mut command = Command::new(qemu_name());
    if env::consts::ARCH == "aarch64" {
        command.args(["-machine", "virt", "-cpu", "max"]);
    } else {
        command.args(["-machine", "q35", "-cpu", "max"]);
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    command
        .args(["-accel", "tcg,thread=multi", "-nodefaults", "-no-reboot"])
        .args(["-smp", &processors.to_string(), "-m", &MEMORY_MIB.to_string()])
        .args(["-display", "none", "-serial", "stdio"])
        .args(["-kernel", kernel.image.as_str(), "-initrd", initramfs.as_str()])
        // What went wrong shows; what went right is the command's to say. A panic ends the machine.
        .args([
            "-append",
            "console=ttyS0 console=ttyAMA0 quiet panic=-1 net.ifnames=0",
        ])
        .args([
            "-netdev",
            "user,id=network",
            "-device",
            "virtio-net-pci,netdev=network,romfile=",
        ])
        .args(["-device", "virtio-rng-pci"])
        .args(share_arguments("/".into(), "host", true));
    for (number, directory) in writable.iter().enumerate() {
        command.args(share_arguments(directory, &share(number), false));
    }
    command
}

/// Shares a directory: files belong to whoever runs QEMU, and what that user may not do is not done.
fn share_arguments(directory: &Utf8Path, tag: &str, read_only: bool) -> [String; 4] {
    let read_only = if read_only { ",readonly=on" } else { "" };
    [
        "-fsdev".to_owned(),
        // In QEMU's options a comma is written twice.
        format!(
            "local,id={tag},path={},security_model=none,multidevs=remap{read_only}",
            directory.as_str().replace(',', ",,")
        ),
        "-device".to_owned(),
        format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
    ]
}

/// Leaves out what is below another of the directories.
fn without_nested(mut directories: Vec<Utf8PathBuf>) -> Vec<Utf8PathBuf> {
    directories.sort();
    directories.dedup();
    let all = directories.clone();
    directories.retain(|directory| {
        !all.iter()
            .any(|other| other != directory && directory.starts_with(other))
    });
    directories
}

fn share(number: usize) -> String {
    format!("share{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_names_its_directory() {
        assert_eq!(
            share_arguments("/a,b".into(), "share0", true).join(" "),
            "-fsdev local,id=share0,path=/a,,b,security_model=none,multidevs=remap,readonly=on -device \
             virtio-9p-pci,fsdev=share0,mount_tag=share0"
        );
    }

    #[test]
    fn a_runs_directory_is_new_and_its_users_own() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().expect("a directory can be made");
        let directory = Utf8Path::from_path(place.path())
            .expect("its name is UTF-8")
            .join("run-1");
        for _ in 0..2 {
            make_private(&directory).expect("it can be made");
            fs::write(directory.join("status"), "0").expect("it can be written");
        }
        make_private(&directory).expect("it can be made");
        assert!(!directory.join("status").exists());
        let mode = fs::metadata(&directory)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_directory_is_shared_once() {
        let directories = ["/p/out", "/p", "/c", "/p", "/pp"]
            .map(Utf8PathBuf::from)
            .to_vec();
        assert_eq!(without_nested(directories), ["/c", "/p", "/pp"]);
    }

    #[test]
    fn a_job_is_the_command_as_the_host_would_run_it() {
        let mut command = Command::new("/dib");
        command
            .args(["build", "ubuntu"])
            .env("DIB_RELEASE", "noble")
            .env_remove("PATH")
            .current_dir("/project");
        let kernel = Kernel {
            image: "/vmlinuz".into(),
            modules: vec!["/9p.ko".into()],
        };
        let wanted = InMachine {
            command: &command,
            directories: Vec::new(),
        };
        let job =
            job_of(&kernel, &wanted, &["/out".into()], "/run/status".into()).expect("it has a directory");
        assert_eq!(job.command, ["/dib", "build", "ubuntu"]);
        assert_eq!(
            job.environment.get("DIB_RELEASE").map(String::as_str),
            Some("noble")
        );
        assert!(!job.environment.contains_key("PATH"));
        assert_eq!(job.directory, "/project");
        assert_eq!(job.modules, ["/modules/0.ko"]);
        assert_eq!(
            job.writable.get(Utf8Path::new("/out")).map(String::as_str),
            Some("share0")
        );
    }
}
