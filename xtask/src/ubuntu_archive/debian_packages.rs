//! Packages with all that they need, downloaded by apt into a directory of ours.

use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use super::{IF_THERE, PACKAGES, VM_PACKAGES};
use crate::host_archive::HostArchive;
use crate::private_apt;
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
    let shell = private_apt::update(host, "", directory)?;
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
        (&["--no-install-recommends"], VM_PACKAGES[0]),
        (&["--no-install-recommends"], VM_PACKAGES[1]),
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
