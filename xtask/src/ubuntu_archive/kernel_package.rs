//! The kernel's meta package under Ubuntu's name, on the kernel of the host's distribution.

use std::fs;

use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::task_error::TaskError;

/// Ubuntu's name of the package.
const NAME: &str = "linux-image-generic";

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
    let root = work.join(format!("{NAME}-{version}"));
    let control = root.join("DEBIAN");
    for path in [&control, directory] {
        fs::create_dir_all(path).map_err(TaskError::file("create", path))?;
    }
    let path = control.join("control");
    fs::write(&path, control_file(arch, version, kernel)).map_err(TaskError::file("write", &path))?;
    let package = directory.join(format!("{NAME}_{version}_{arch}.deb"));
    let shell = Shell::new()?;
    cmd!(shell, "dpkg-deb --root-owner-group --build {root} {package}")
        .quiet()
        .ignore_stdout()
        .run()?;
    Ok(())
}

fn control_file(arch: &str, version: &str, kernel: &str) -> String {
    format!(
        "Package: {NAME}\nSource: linux-meta\nVersion: {version}\nArchitecture: {arch}\nSection: kernel\n\
         Priority: optional\nMaintainer: dib <dib@example.org>\nDepends: {kernel}\n\
         Description: kernel under the name that Ubuntu gives it\n An empty package on a kernel of another distribution.\n"
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
