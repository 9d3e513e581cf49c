//! A suite's indexes, by apt-ftparchive: `Packages` of each component, compressed and by hash, `Release` and its signatures.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use super::{COMPONENTS, RELEASE, Suite};
use crate::signing_key::SigningKey;
use crate::task_error::TaskError;

/// Writes `dists/SUITE` below the archive, whose pool is complete.
pub(super) fn write(
    archive: &Utf8Path,
    suite: &Suite,
    arch: &str,
    key: &SigningKey,
) -> Result<(), TaskError> {
    let name = format!("{RELEASE}{}", suite.pocket);
    let directory = archive.join("dists").join(&name);
    let shell = Shell::new()?;
    shell.change_dir(archive);
    let mut indexes = Vec::new();
    for component in COMPONENTS {
        let index = directory.join(format!("{component}/binary-{arch}/Packages"));
        shell.write_file(&index, packages(&shell, archive, suite, component)?)?;
        cmd!(shell, "xz --keep {index}").quiet().run()?;
        cmd!(shell, "gzip --keep --no-name -9 {index}").quiet().run()?;
        indexes.push(index);
    }
    let release = release(&shell, suite, &name, arch, &directory)?;
    for index in &indexes {
        publish_by_hash(&shell, index)?;
    }
    let plain = directory.join("Release");
    shell.write_file(&plain, release)?;
    key.sign_around(&plain, &directory.join("InRelease"))?;
    key.sign_detached(&plain, &directory.join("Release.gpg"))
}

/// Lists a component's packages, their paths beginning at the archive.
fn packages(shell: &Shell, archive: &Utf8Path, suite: &Suite, component: &str) -> Result<String, TaskError> {
    let mut pools = vec![super::made_packages(suite, component)];
    if suite.pocket.is_empty() {
        pools.push(Utf8Path::new("pool").join(component));
    }
    let mut text = String::new();
    for pool in pools.into_iter().filter(|pool| archive.join(pool).exists()) {
        // The shell takes the last line's end away.
        text += &cmd!(shell, "apt-ftparchive packages {pool}").quiet().read()?;
        text += "\n";
    }
    Ok(text)
}

/// Writes the release file's text: what the suite is, and the sums of all that lies in its directory.
fn release(
    shell: &Shell,
    suite: &Suite,
    name: &str,
    arch: &str,
    directory: &Utf8Path,
) -> Result<String, TaskError> {
    let components = COMPONENTS.join(" ");
    let yes = "true";
    let mut fields = vec![
        ("Origin", "Ubuntu"),
        ("Label", "Ubuntu"),
        ("Suite", name),
        ("Version", "24.04"),
        ("Codename", RELEASE),
        ("Architectures", arch),
        ("Components", &components),
        ("Description", "Debian's packages in Ubuntu's layout"),
        ("Acquire-By-Hash", yes),
        // As Ubuntu's: apt asks by the strongest sum that it finds here, which shall be the one that we publish by.
        ("SHA512", "false"),
    ];
    if suite.only_on_request {
        fields.extend([("NotAutomatic", yes), ("ButAutomaticUpgrades", yes)]);
    }
    let options = fields
        .into_iter()
        .map(|(name, value)| format!("--option=APT::FTPArchive::Release::{name}={value}"));
    Ok(cmd!(shell, "apt-ftparchive {options...} release {directory}")
        .quiet()
        .read()?
        + "\n")
}

/// Lays the compressed forms of an index beside it under their sums; the plain one is listed, but not served, as Ubuntu
/// does it.
fn publish_by_hash(shell: &Shell, index: &Utf8Path) -> Result<(), TaskError> {
    for extension in ["xz", "gz"] {
        let file = Utf8PathBuf::from(format!("{index}.{extension}"));
        let summed = cmd!(shell, "sha256sum --binary {file}").quiet().read()?;
        let sum = summed.split(' ').next().unwrap_or_default();
        let by_hash = index.with_file_name("by-hash").join("SHA256");
        fs::create_dir_all(&by_hash).map_err(TaskError::file("create", &by_hash))?;
        let link = by_hash.join(sum);
        fs::hard_link(&file, &link).map_err(TaskError::file("link", &link))?;
    }
    fs::remove_file(index).map_err(TaskError::file("remove", index))
}
