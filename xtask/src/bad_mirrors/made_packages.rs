//! Small packages that can't be installed, each for another reason.

use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::task_error::TaskError;

/// It depends on what nobody has.
pub(super) const LONELY: &str = "dib-test-lonely";
/// What nobody has.
pub(super) const MISSING: &str = "dib-test-missing";
/// It conflicts with [`RIVAL`].
pub(super) const JEALOUS: &str = "dib-test-jealous";
/// It is harmless.
pub(super) const RIVAL: &str = "dib-test-rival";
/// Its preinst fails.
pub(super) const UNWILLING: &str = "dib-test-unwilling";
/// Its postinst fails.
pub(super) const UNFINISHED: &str = "dib-test-unfinished";
/// What the failing scripts write before they do.
pub(super) const LAST_WORDS: &str = "the moon is in the wrong phase";

/// A package: its name, a line for its control file, and a script of its with that script's name.
struct Made {
    name: &'static str,
    relation: String,
    failing_script: Option<&'static str>,
}

/// Makes all of them in a directory.
pub(super) fn make_all(directory: &Utf8Path) -> Result<(), TaskError> {
    let of = |name, relation, failing_script| Made {
        name,
        relation,
        failing_script,
    };
    for package in [
        of(LONELY, format!("Depends: {MISSING} (>= 2)\n"), None),
        of(JEALOUS, format!("Conflicts: {RIVAL}\n"), None),
        of(RIVAL, String::new(), None),
        of(UNWILLING, String::new(), Some("preinst")),
        of(UNFINISHED, String::new(), Some("postinst")),
    ] {
        make(&package, directory)?;
    }
    Ok(())
}

fn make(package: &Made, directory: &Utf8Path) -> Result<(), TaskError> {
    let Made { name, relation, .. } = package;
    let root = tempfile::tempdir().map_err(TaskError::file("create", "a directory"))?;
    let root = Utf8Path::from_path(root.path()).expect("a plain name in a UTF-8 directory is UTF-8");
    let shell = Shell::new()?;
    shell.change_dir(root);
    shell.write_file(
        "DEBIAN/control",
        format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\nSection: misc\nPriority: optional\n\
             Maintainer: dib <dib@example.org>\n{relation}Description: package for a test of dib\n"
        ),
    )?;
    shell.write_file(format!("usr/share/doc/{name}/README"), "Nothing.\n")?;
    if let Some(script) = package.failing_script {
        let path = format!("DEBIAN/{script}");
        shell.write_file(&path, format!("#!/bin/sh\necho {LAST_WORDS}\nexit 3\n"))?;
        cmd!(shell, "chmod 0755 {path}").quiet().run()?;
    }
    let file = directory.join(format!("{name}_1_all.deb"));
    // A temporary directory is its owner's alone, and would be so in the image.
    cmd!(shell, "chmod 0755 .").quiet().run()?;
    Ok(cmd!(shell, "dpkg-deb --root-owner-group --build . {file}")
        .quiet()
        .ignore_stdout()
        .run()?)
}
