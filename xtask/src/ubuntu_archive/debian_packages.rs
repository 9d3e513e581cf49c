//! Packages with all that they need, downloaded by apt into a directory of ours: the host's own state stays untouched.

use std::fmt::Write as _;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use super::{IF_THERE, PACKAGES};
use crate::host_archive::HostArchive;
use crate::scratch_build;
use crate::task_error::TaskError;

/// What a bootstrap begins with, as apt's patterns; apt itself needs no other mark.
const BASE: [&str; 3] = ["?essential", "?priority(required)", "apt"];

/// Downloads the packages, verified by apt, and says where they are.
pub(super) fn download(
    host: &HostArchive,
    kernel: &str,
    directory: &Utf8Path,
) -> Result<Vec<Utf8PathBuf>, TaskError> {
    let shell = Shell::new()?;
    for name in [
        "etc/apt.conf.d",
        "etc/preferences.d",
        "state/lists/partial",
        "archives/partial",
    ] {
        let path = directory.join(name);
        fs::create_dir_all(&path).map_err(TaskError::file("create", &path))?;
    }
    let settings = directory.join("apt.conf");
    for (path, text) in [
        (&settings, apt_settings(host, directory)),
        (
            &directory.join("etc/sources.list"),
            host.sources.join("\n") + "\n",
        ),
        (&directory.join("status"), String::new()),
    ] {
        fs::write(path, text).map_err(TaskError::file("write", path))?;
    }
    shell.set_var("APT_CONFIG", &settings);
    cmd!(shell, "apt-get -qq update").quiet().run()?;

    let mut names = PACKAGES.to_vec();
    names.push(kernel);
    if !cmd!(shell, "apt-cache policy {IF_THERE}")
        .quiet()
        .read()?
        .is_empty()
    {
        names.push(IF_THERE);
    }
    // Upstream asks in stages, the first with what is recommended, and a stage may choose another alternative than all
    // at once would: the archive has what either way needs.
    for (options, names) in [
        (&["--no-install-recommends"][..], &[][..]),
        (&[], &[]),
        (&["--no-install-recommends"], &names),
        (&[], &names),
    ] {
        cmd!(
            shell,
            "apt-get -qq --yes --download-only {options...} install {BASE...} {names...}"
        )
        .quiet()
        .ignore_stdout()
        .run()?;
    }
    let archives = directory.join("archives");
    Ok(scratch_build::names_in(&archives)?
        .into_iter()
        .map(|name| archives.join(name))
        .filter(|path| path.extension() == Some("deb"))
        .collect())
}

/// Settings with which apt reads and writes nothing outside of a directory.
fn apt_settings(host: &HostArchive, directory: &Utf8Path) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("Dir::Etc", "etc"),
        ("Dir::State", "state"),
        ("Dir::State::status", "status"),
        ("Dir::Cache", "cache"),
        ("Dir::Cache::archives", "archives"),
        ("Dir::Log", "log"),
    ] {
        writeln!(text, "{name} \"{directory}/{value}\";").expect("a string takes all");
    }
    let arch = &host.arch;
    writeln!(
        text,
        "APT::Architecture \"{arch}\";\nAPT::Architectures \"{arch}\";\nAPT::Sandbox::User \"\";\n\
         Acquire::Languages \"none\";\nDebug::NoLocking \"true\";"
    )
    .expect("a string takes all");
    for option in &host.apt_options {
        writeln!(text, "{option};").expect("a string takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apt_sources::HostRelease;

    #[test]
    fn apt_keeps_to_its_directory() {
        let host = HostArchive {
            host: HostRelease {
                id: "debian".to_owned(),
                codename: "x".to_owned(),
            },
            suite: "x".to_owned(),
            arch: "arm64".to_owned(),
            sources: Vec::new(),
            apt_options: vec!["Acquire::Check-Date \"false\"".to_owned()],
        };
        let text = apt_settings(&host, "/d".into());
        assert!(text.contains("Dir::State::status \"/d/status\";\n"), "{text}");
        assert!(text.contains("APT::Architecture \"arm64\";\n"), "{text}");
        assert!(text.ends_with("Acquire::Check-Date \"false\";\n"), "{text}");
    }
}
