//! The kernel of a machine that builds: the distribution's ordinary one, and the modules the machine needs.
//!
//! Debian's small kernel for clouds would boot no faster, since only the modules that are needed are there, and has no 9p (as of
//! Debian 12). It has virtiofs, but the daemon of that asks for root's rights.

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use crate::host_archive;
use crate::private_apt;
use crate::progress;
use crate::task_error::TaskError;

/// What the machine's devices need: its bus, its network, and the host's files. What the kernel has built in is no module.
const WANTED: [&str; 5] = ["virtio_pci", "virtio_net", "virtio_rng", "9pnet_virtio", "9p"];

/// A kernel and the modules, in the order in which they are loaded.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) image: Utf8PathBuf,
    pub(super) modules: Vec<Utf8PathBuf>,
}

/// Fetches the kernel into a directory below `place`, unless that of the archive's current version is there.
pub(super) fn fetch(place: &Utf8Path) -> Result<Kernel, TaskError> {
    let archive = host_archive::of_this_host()?;
    let shell = private_apt::update(&archive, "", &place.join("apt"))?;
    let package = real_package(&shell, &meta_package(&archive.host.id, &archive.arch))?;
    let directory = place.join(&package);
    if !directory.join("whole").exists() {
        progress::step(format!("fetching the kernel {package}"));
        unpack(&shell, &package, &directory)?;
        fs::write(directory.join("whole"), "").map_err(TaskError::file("write", &directory))?;
    }
    read(&directory)
}

/// Names the package that always depends on the distribution's current kernel.
fn meta_package(distribution: &str, arch: &str) -> String {
    match distribution {
        "ubuntu" => "linux-image-virtual".to_owned(),
        _ => format!("linux-image-{arch}"),
    }
}

/// Finds the kernel that a meta package stands for.
fn real_package(shell: &Shell, meta: &str) -> Result<String, TaskError> {
    let text = cmd!(shell, "apt-cache depends --no-recommends --no-suggests {meta}")
        .quiet()
        .read()?;
    let found = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with("linux-image-"));
    found
        .map(str::to_owned)
        .ok_or_else(|| TaskError::Check(format!("{meta} depends on no kernel")))
}

fn unpack(shell: &Shell, package: &str, directory: &Utf8Path) -> Result<(), TaskError> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(TaskError::file("remove", directory))?;
    }
    fs::create_dir_all(directory).map_err(TaskError::file("create", directory))?;
    let _there = shell.push_dir(directory);
    cmd!(shell, "apt-get -qq download {package}").quiet().run()?;
    // Ubuntu's modules are a package of their own.
    let modules = package.replacen("linux-image-", "linux-modules-", 1);
    if cmd!(shell, "apt-cache show {modules}")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_ok()
    {
        cmd!(shell, "apt-get -qq download {modules}").quiet().run()?;
    }
    for file in names(directory)? {
        cmd!(shell, "dpkg-deb --extract {file} .").quiet().run()?;
        shell.remove_path(&file)?;
    }
    let version = version(directory)?;
    // Before Debian 13 the modules are below /lib.
    let base = if directory.join("usr/lib/modules").exists() {
        directory.join("usr")
    } else {
        directory.to_owned()
    };
    cmd!(shell, "/sbin/depmod --basedir {base} {version}")
        .quiet()
        .run()?;
    Ok(())
}

fn names(directory: &Utf8Path) -> Result<Vec<String>, TaskError> {
    let entries = directory
        .read_dir_utf8()
        .map_err(TaskError::file("list", directory))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(TaskError::file("list", directory))?;
        names.push(entry.file_name().to_owned());
    }
    names.sort();
    Ok(names)
}

fn version(directory: &Utf8Path) -> Result<String, TaskError> {
    let boot = directory.join("boot");
    let kernel = names(&boot)?
        .into_iter()
        .find_map(|name| name.strip_prefix("vmlinuz-").map(str::to_owned));
    kernel.ok_or_else(|| TaskError::Check(format!("there is no kernel in {boot}")))
}

fn read(directory: &Utf8Path) -> Result<Kernel, TaskError> {
    let version = version(directory)?;
    let modules = ["usr/lib/modules", "lib/modules"]
        .map(|path| directory.join(path).join(&version))
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| TaskError::Check(format!("the kernel in {directory} has no modules")))?;
    let index = modules.join("modules.dep");
    let index = fs::read_to_string(&index).map_err(TaskError::file("read", &index))?;
    let builtin = modules.join("modules.builtin");
    let builtin = fs::read_to_string(&builtin).map_err(TaskError::file("read", &builtin))?;
    let mut loaded = Vec::new();
    for path in load_order(&index, &builtin)? {
        loaded.push(decompressed(&modules.join(path))?);
    }
    Ok(Kernel {
        image: directory.join("boot").join(format!("vmlinuz-{version}")),
        modules: loaded,
    })
}

/// Lists the files of the wanted modules and of those they need, each after what it needs.
fn load_order<'i>(index: &'i str, builtin: &str) -> Result<Vec<&'i str>, TaskError> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for wanted in WANTED {
        let line = index.lines().find_map(|line| {
            let (file, needs) = line.split_once(':')?;
            (module_name(file) == wanted).then_some((file, needs))
        });
        match line {
            // depmod lists what is needed with what is to be loaded first at the end.
            Some((file, needs)) => {
                let needed: Vec<&str> = needs.split_whitespace().collect();
                for file in needed.into_iter().rev().chain([file]) {
                    if seen.insert(file) {
                        order.push(file);
                    }
                }
            }
            None if builtin.lines().any(|file| module_name(file) == wanted) => {}
            None => return Err(TaskError::Check(format!("the kernel has no module {wanted}"))),
        }
    }
    Ok(order)
}

/// Returns a module's name as the kernel has it.
fn module_name(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.split('.').next().unwrap_or(name).replace('-', "_")
}

/// Returns a module as the kernel takes it from us, decompressing it beside the original where need be.
fn decompressed(path: &Utf8Path) -> Result<Utf8PathBuf, TaskError> {
    if path.extension() != Some("xz") {
        return Ok(path.to_owned());
    }
    let plain = path.with_extension("");
    if !plain.exists() {
        let shell = Shell::new()?;
        let contents = cmd!(shell, "xz --decompress --stdout {path}")
            .quiet()
            .output()?
            .stdout;
        fs::write(&plain, contents).map_err(TaskError::file("write", &plain))?;
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_after_what_they_need() {
        let index = "kernel/net/9p/9pnet.ko:\n\
                     kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko\n\
                     kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko\n\
                     kernel/drivers/net/virtio_net.ko:\n\
                     kernel/drivers/char/hw_random/virtio-rng.ko:\n";
        let builtin = "kernel/drivers/virtio/virtio_pci.ko\n";
        let order: Vec<String> = load_order(index, builtin)
            .expect("all are there")
            .into_iter()
            .map(module_name)
            .collect();
        assert_eq!(
            order,
            [
                "virtio_net",
                "virtio_rng",
                "virtio",
                "9pnet",
                "9pnet_virtio",
                "netfs",
                "9p"
            ]
        );
        let error = load_order(index, "").expect_err("virtio_pci is missing");
        assert_eq!(error.to_string(), "the kernel has no module virtio_pci");
    }
}
