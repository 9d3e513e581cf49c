//! The host's apt with a state of its own: what it thinks is installed is ours to say, and the host's stays untouched.

use std::fmt::Write as _;
use std::fs;

use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::host_archive::HostArchive;
use crate::task_error::TaskError;

/// Sets up apt's directories below one, has it read an archive's indexes, and opens a shell whose apt keeps to them.
///
/// `status` is dpkg's, of what is to count as installed.
pub(crate) fn update(host: &HostArchive, status: &str, directory: &Utf8Path) -> Result<Shell, TaskError> {
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
    let shell = Shell::new()?;
    shell.write_file(&settings, apt_settings(host, directory))?;
    shell.write_file(directory.join("etc/sources.list"), host.sources.join("\n") + "\n")?;
    shell.write_file(directory.join("status"), status)?;
    shell.set_var("APT_CONFIG", &settings);
    cmd!(shell, "apt-get -qq update").quiet().run()?;
    Ok(shell)
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
