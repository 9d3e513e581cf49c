//! The packages that are installed in a root file system which was packed as tar.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};

use camino::Utf8Path;

use crate::task_error::TaskError;

/// A package's name with its architecture, as `NAME:ARCH`, and the installed version.
pub(crate) type Packages = BTreeMap<String, String>;

/// Lists what is installed in a tar.
pub(crate) fn of_tar(tar: &Utf8Path) -> Result<Packages, TaskError> {
    Ok(parse_status(&status_of_tar(tar)?))
}

/// Reads dpkg's status file in a tar.
pub(crate) fn status_of_tar(tar: &Utf8Path) -> Result<String, TaskError> {
    let status = "var/lib/dpkg/status";
    let file = File::open(tar).map_err(TaskError::file("open", tar))?;
    let mut archive = tar::Archive::new(BufReader::new(file));
    for entry in archive.entries().map_err(TaskError::file("read", tar))? {
        let mut entry = entry.map_err(TaskError::file("read", tar))?;
        let path = entry.path_bytes();
        if path.strip_prefix(b"./").unwrap_or(&path) != status.as_bytes() {
            continue;
        }
        let mut text = String::new();
        entry
            .read_to_string(&mut text)
            .map_err(TaskError::file("read dpkg's status in", tar))?;
        return Ok(text);
    }
    Err(TaskError::Check(format!("{tar} has no {status}")))
}

/// Reads the stanzas of dpkg's status file, in deb822 format; what is not installed wholly is left out.
fn parse_status(text: &str) -> Packages {
    text.split("\n\n")
        .filter_map(|stanza| {
            let field = |name: &str| {
                stanza
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let name = format!("{}:{}", field("Package")?, field("Architecture")?);
            (field("Status")? == "install ok installed").then_some(())?;
            Some((name, field("Version")?.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas() {
        let text = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2-3\nDescription: x\n Version: no\n\n\
                    Package: b\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
                    Package: c\nStatus: install ok installed\nArchitecture: all\nVersion: 4\n";
        let packages: Vec<(String, String)> = parse_status(text).into_iter().collect();
        let owned = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(packages, [owned("a:amd64", "1:2-3"), owned("c:all", "4")]);
    }

    #[test]
    fn a_tar_with_and_without_a_status() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("a.tar");
        for (name, found) in [
            ("./var/lib/dpkg/status", true),
            ("./var/lib/dpkg/status-old", false),
        ] {
            let mut builder = tar::Builder::new(File::create(&path).unwrap());
            let text = b"Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n";
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, name, &text[..]).unwrap();
            builder.into_inner().unwrap();
            assert_eq!(of_tar(&path).is_ok_and(|packages| packages.len() == 1), found);
        }
    }
}
