//! The root file system that the command sees: the host's, through 9p.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};

use crate::job::Job;
use crate::{GuestError, file};

/// Where the host's files are put together before they become the root.
const NEW: &str = "/new";
/// How 9p talks to QEMU. `mmap` caches just enough for files to be mapped; source: the kernel's
/// `Documentation/filesystems/9p.rst`.
const OPTIONS: &str = "trans=virtio,version=9p2000.L,msize=512000,cache=mmap";

/// Mounts what the kernel shows as files below `root`.
pub(crate) fn mount_kernel_file_systems(root: &str) -> Result<(), GuestError> {
    for (kind, on) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        let on = format!("{root}{on}");
        if root.is_empty() {
            fs::create_dir_all(&on).map_err(file("create", &on))?;
        }
        mount_on(kind, &on, kind, MsFlags::empty(), "")?;
    }
    Ok(())
}

/// Loads modules; one that is there already is fine.
pub(crate) fn load_modules(modules: &[String]) -> Result<(), GuestError> {
    for path in modules {
        let module = File::open(path).map_err(file("open", path))?;
        match finit_module(&module, c"", ModuleInitFlags::empty()) {
            Ok(()) | Err(nix::Error::EEXIST) => {}
            Err(source) => {
                return Err(GuestError::Module {
                    path: path.clone(),
                    source,
                });
            }
        }
    }
    Ok(())
}

/// Makes the host's files the root directory.
pub(crate) fn mount_host(job: &Job) -> Result<(), GuestError> {
    fs::create_dir_all(NEW).map_err(file("create", NEW))?;
    mount_on(&job.root, NEW, "9p", MsFlags::MS_RDONLY, OPTIONS)?;
    mount_kernel_file_systems(NEW)?;
    let shared_memory = format!("{NEW}/dev/shm");
    let terminals = format!("{NEW}/dev/pts");
    for (kind, on) in [("tmpfs", &shared_memory), ("devpts", &terminals)] {
        fs::create_dir_all(on).map_err(file("create", on))?;
        mount_on(kind, on, kind, MsFlags::empty(), "")?;
    }
    for directory in &job.in_memory {
        let on = format!("{NEW}{directory}");
        if Path::new(&on).is_dir() {
            mount_on("tmpfs", &on, "tmpfs", MsFlags::empty(), "mode=1777,size=90%")?;
        }
    }
    for (directory, tag) in &job.writable {
        let on = format!("{NEW}{directory}");
        // A directory below one that is in memory is not there yet.
        fs::create_dir_all(&on).map_err(file("create", &on))?;
        mount_on(tag, &on, "9p", MsFlags::empty(), OPTIONS)?;
    }
    std::os::unix::fs::chroot(NEW).map_err(file("enter", NEW))?;
    std::env::set_current_dir("/").map_err(file("enter", "/"))
}

/// Brings up the network and names the resolver.
pub(crate) fn set_up_network(job: &Job) -> Result<(), GuestError> {
    for command in &job.network {
        let Some((program, arguments)) = command.split_first() else {
            continue;
        };
        let status = Command::new(program)
            .args(arguments)
            .status()
            .map_err(|source| GuestError::Run {
                program: program.clone(),
                source,
            })?;
        if !status.success() {
            return Err(GuestError::Status {
                command: command.join(" "),
                status: status.code().unwrap_or(-1),
            });
        }
    }
    // The host's file may be a link into /run, which is in memory and empty.
    let own = "/run/dib-resolv.conf";
    fs::write(own, &job.resolver).map_err(file("write", own))?;
    let link = "/etc/resolv.conf";
    let name = fs::canonicalize(link);
    match name {
        Ok(path) => mount_on(own, &path.to_string_lossy(), "", MsFlags::MS_BIND, ""),
        Err(_) => match fs::read_link(link) {
            Ok(points_to) => {
                let path = Path::new("/etc").join(points_to);
                let text = path.to_string_lossy();
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(file("create", &text))?;
                }
                fs::copy(own, &path).map(drop).map_err(file("write", &text))
            }
            Err(source) => Err(file("read", link)(source)),
        },
    }
}

fn mount_on(what: &str, on: &str, kind: &str, flags: MsFlags, options: &str) -> Result<(), GuestError> {
    mount(Some(what), on, Some(kind), flags, Some(options)).map_err(|source| GuestError::Mount {
        what: what.to_owned(),
        on: on.to_owned(),
        source,
    })
}
