//! `cargo xtask compare-packages`: the same packages as upstream's, but for differences that have a reason.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;

use crate::build_image;
use crate::host_archive;
use crate::installed_packages::{self, Packages};
use crate::needs;
use crate::progress;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::upstream;
use crate::workspace::Workspace;

/// The differences that may be, below the root: `NAME:ARCH` and the reason on each line.
const ALLOWED: &str = "xtask/data/package-differences.txt";

/// The suite that both build.
const SUITE: &str = "stable";

/// Builds `debian-minimal` by `dib` and by diskimage-builder and compares the packages in both. Needs root.
#[derive(Debug, clap::Args)]
pub(crate) struct ComparePackages {}

/// Runs the command.
pub(crate) fn compare_packages(_options: &ComparePackages) -> Result<(), TaskError> {
    needs::meet(&needs::of_build(false))?;
    let workspace = Workspace::load()?;
    let dib = build_image::build_dib(&workspace)?;
    let scratch = ScratchBuild::prepare_without_mirror(None, &dib)?;
    compare(&workspace, &scratch)
}

/// Builds both in one place, by root, and compares.
pub(crate) fn compare(workspace: &Workspace, scratch: &ScratchBuild) -> Result<(), TaskError> {
    if !needs::is_root() {
        return Err(TaskError::Check(
            "diskimage-builder works for root alone: run this as root".to_owned(),
        ));
    }
    let path = workspace.root.join(ALLOWED);
    let text = fs::read_to_string(&path).map_err(TaskError::file("read", &path))?;
    let allowed = parse_allowed(&text)?;
    let upstream = upstream::install(workspace)?;
    let archive = host_archive::of_suite(Some(SUITE), None, &[])?;

    progress::step("debian-minimal by dib");
    let mut command = scratch.dib(&["build", "-o", "out/image", "-t", "tar", "debian-minimal"]);
    scratch_build::succeed(command.env("DIB_RELEASE", SUITE), "the build by dib")?;
    let ours = installed_packages::of_tar(&scratch.output().join("image.tar"))?;
    scratch_build::empty(&scratch.output())?;

    progress::step(format!(
        "debian-minimal by diskimage-builder {}",
        upstream::VERSION
    ));
    let theirs = build_by_upstream(&upstream, &archive, scratch)?;
    let differences = differences(&ours, &theirs);
    for difference in &differences {
        println!("{}", difference.line(&allowed));
    }
    println!(
        "{} packages by dib, {} by diskimage-builder, {} differences",
        ours.len(),
        theirs.len(),
        differences.len()
    );
    let faults = faults(&differences, &allowed);
    if faults.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(faults.join("\n")))
}

fn build_by_upstream(
    upstream: &upstream::Upstream,
    archive: &host_archive::HostArchive,
    scratch: &ScratchBuild,
) -> Result<Packages, TaskError> {
    let output = scratch.output().join("upstream");
    let work = scratch.path().join("upstream");
    fs::create_dir(&work).map_err(TaskError::file("create", &work))?;
    // Its builds make temporary directories there as users within the image, too.
    fs::set_permissions(&work, fs::Permissions::from_mode(0o1777)).map_err(TaskError::file("open", &work))?;
    let mut command = upstream.debian_minimal(archive, "tar", &output, &work)?;
    scratch_build::succeed(&mut command, "the build by diskimage-builder")?;
    installed_packages::of_tar(Utf8Path::new(&format!("{output}.tar")))
}

/// A difference that may be.
#[derive(Debug, PartialEq, Eq)]
struct Allowed {
    package: String,
    reason: String,
}

/// Reads `NAME:ARCH REASON` lines; an empty line and one that begins with `#` say nothing.
fn parse_allowed(text: &str) -> Result<Vec<Allowed>, TaskError> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split_once(char::is_whitespace) {
            Some((package, reason)) if package.contains(':') => Ok(Allowed {
                package: package.to_owned(),
                reason: reason.trim().to_owned(),
            }),
            _ => Err(TaskError::Check(format!(
                "{ALLOWED}: not NAME:ARCH and a reason: {line}"
            ))),
        })
        .collect()
}

/// A package that is not the same in both.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    package: String,
    ours: Option<String>,
    theirs: Option<String>,
}

impl Difference {
    fn line(&self, allowed: &[Allowed]) -> String {
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
        let reason = reason(self, allowed).unwrap_or("NO REASON");
        format!(
            "{:<40} dib {:<24} diskimage-builder {:<24} {reason}",
            self.package,
            version(&self.ours),
            version(&self.theirs)
        )
    }
}

fn reason<'list>(difference: &Difference, allowed: &'list [Allowed]) -> Option<&'list str> {
    let found = allowed.iter().find(|entry| entry.package == difference.package)?;
    Some(&found.reason)
}

fn differences(ours: &Packages, theirs: &Packages) -> Vec<Difference> {
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .map(|name| Difference {
            package: name.clone(),
            ours: ours.get(name).cloned(),
            theirs: theirs.get(name).cloned(),
        })
        .collect()
}

/// Names differences without a reason, and reasons without a difference, which are out of date.
fn faults(differences: &[Difference], allowed: &[Allowed]) -> Vec<String> {
    let mut faults = Vec::new();
    for difference in differences {
        if reason(difference, allowed).is_none() {
            faults.push(format!(
                "{} differs, and {ALLOWED} has no reason",
                difference.package
            ));
        }
    }
    for entry in allowed {
        if !differences
            .iter()
            .any(|difference| difference.package == entry.package)
        {
            faults.push(format!("{ALLOWED}: {} does not differ any more", entry.package));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(list: &[(&str, &str)]) -> Packages {
        list.iter()
            .map(|&(name, version)| (name.to_owned(), version.to_owned()))
            .collect()
    }

    #[test]
    fn only_reasons_excuse_differences() {
        let ours = packages(&[("a:all", "1"), ("b:all", "2"), ("c:all", "1")]);
        let theirs = packages(&[("a:all", "1"), ("b:all", "1"), ("d:all", "1")]);
        let differences = differences(&ours, &theirs);
        let names: Vec<&str> = differences
            .iter()
            .map(|difference| difference.package.as_str())
            .collect();
        assert_eq!(names, ["b:all", "c:all", "d:all"]);
        let allowed =
            parse_allowed("# why\n\nb:all newer on purpose\nc:all ours alone\nx:all gone\n").unwrap();
        assert_eq!(
            faults(&differences, &allowed),
            [
                format!("d:all differs, and {ALLOWED} has no reason"),
                format!("{ALLOWED}: x:all does not differ any more")
            ]
        );
        assert!(differences[0].line(&allowed).ends_with("newer on purpose"));
        assert!(differences[2].line(&allowed).ends_with("NO REASON"));
    }

    #[test]
    fn a_reason_must_be_given() {
        assert!(parse_allowed("a:all\n").is_err());
        assert!(parse_allowed("a why\n").is_err());
    }
}
