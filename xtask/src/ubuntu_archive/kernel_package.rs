//! The kernel's meta package under Ubuntu's name, on the kernel of the host's distribution.

use std::fs;

use camino::Utf8Path;
use xshell::{Shell, cmd};

use super::KERNEL;
use crate::task_error::TaskError;

/// Names the kernel of a distribution for an architecture: the small one for clouds where there is one.
pub(super) fn of_distribution(id: &str, arch: &str) -> String {
    match (id, arch) {
        ("ubuntu", _) => "linux-image-virtual".to_owned(),
        (_, "amd64" | "arm64") => format!("linux-image-cloud-{arch}"),
        _ => format!("linux-image-{arch}"),
    }
}

/// Makes a version of the meta package, which depends on `kernel`, in a directory.
pub(super) fn make(
    directory: &Utf8Path,
    arch: &str,
    version: &str,
    kernel: &str,
    work: &Utf8Path,
) -> Result<(), TaskError> {
    let root = work.join(format!("{KERNEL}-{version}"));
    let readme = format!("usr/share/doc/{KERNEL}/README");
    let package = directory.join(format!("{KERNEL}_{version}_{arch}.deb"));
    fs::create_dir_all(directory).map_err(TaskError::file("create", directory))?;
    let shell = Shell::new()?;
    shell.change_dir(&root);
    shell.write_file("DEBIAN/control", control_file(arch, version, kernel))?;
    shell.write_file(&readme, format!("It depends on {kernel}.\n"))?;
    // dpkg --audit misses the list in a package without one.
    let sums = cmd!(shell, "md5sum {readme}").quiet().read()?;
    shell.write_file("DEBIAN/md5sums", sums + "\n")?;
    cmd!(shell, "dpkg-deb --root-owner-group --build {root} {package}")
        .quiet()
        .ignore_stdout()
        .run()?;
    Ok(())
}

fn control_file(arch: &str, version: &str, kernel: &str) -> String {
    format!(
        "Package: {KERNEL}\nSource: linux-meta\nVersion: {version}\nArchitecture: {arch}\nSection: kernel\n\
         Priority: optional\nMaintainer: dib <dib@example.org>\nDepends: {kernel}\n\
         Description: kernel under the name that Ubuntu gives it\n On a kernel of another distribution.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_depends_on_debians() {
        assert_eq!(of_distribution("debian", "amd64"), "linux-image-cloud-amd64");
        assert_eq!(of_distribution("debian", "riscv64"), "linux-image-riscv64");
        let control = control_file("amd64", "1", "linux-image-cloud-amd64");
        assert!(
            control.contains("\nDepends: linux-image-cloud-amd64\n"),
            "{control}"
        );
    }
}
