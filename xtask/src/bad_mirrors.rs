//! `cargo xtask bad-mirrors`: builds from an archive that is wrong in one way each say so, and leave nothing behind.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build_image;
use crate::host_archive;
use crate::needs;
use crate::ordinary_user;
use crate::progress;
use crate::scratch_build::ScratchBuild;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

mod archive;
mod cases;
mod made_packages;
mod outcome;

use archive::FaultyArchive;
use cases::Case;

/// Builds `ubuntu-minimal` from archives that are expired, wrongly signed, damaged, hung, cut off or inconsistent.
///
/// Each build has to end with the right status, name what is wrong, where, and what to do about it, and leave nothing
/// behind. The archive is the one of `ubuntu-archive`, served on the loopback address with one fault at a time.
#[derive(Debug, clap::Args)]
pub(crate) struct BadMirrors {
    /// Make only the builds whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Show what each build says, also when it is right.
    #[arg(long)]
    show: bool,
    /// Build with this program [default: a newly built `dib`].
    #[arg(long, value_name = "FILE")]
    dib: Option<Utf8PathBuf>,
    /// As root: the ordinary user who builds; made when there is none of the name [default: root].
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Runs the command.
pub(crate) fn bad_mirrors(options: &BadMirrors) -> Result<(), TaskError> {
    needs::meet(
        &[
            needs::of_build(false),
            vec![needs::PUBLISHING, needs::UBUNTU_ARCHIVE],
        ]
        .concat(),
    )?;
    let workspace = Workspace::load()?;
    let dib = match &options.dib {
        Some(dib) => dib.clone(),
        None => build_image::build_dib(&workspace)?,
    };
    build_all(&workspace, &dib, options)
}

/// Makes all builds with the current user's rights.
pub(crate) fn build_from_all(workspace: &Workspace, dib: &Utf8Path) -> Result<(), TaskError> {
    let options = BadMirrors {
        only: String::new(),
        show: false,
        dib: None,
        user: None,
    };
    build_all(workspace, dib, &options)
}

fn build_all(workspace: &Workspace, dib: &Utf8Path, options: &BadMirrors) -> Result<(), TaskError> {
    let archive = FaultyArchive::make(workspace, &host_archive::of_this_host()?.arch)?;
    let user = match &options.user {
        Some(name) if needs::is_root() => Some(ordinary_user::find_or_make(name)?),
        Some(name) => return Err(TaskError::Check(format!("only root can build as {name}"))),
        None => None,
    };
    let scratch = ScratchBuild::prepare(user.as_ref(), dib, archive.mirror())?;
    let mut wrong = Vec::new();
    for case in cases::all(&archive)? {
        if !case.name.contains(&options.only) {
            continue;
        }
        let start = Instant::now();
        let complaints = build(&scratch, &archive, &case, options.show)?;
        let (verdict, time) = (
            if complaints.is_empty() { "right" } else { "WRONG" },
            progress::seconds(start.elapsed()),
        );
        println!("{verdict} {time:>7}  {}", case.name);
        wrong.extend(
            complaints
                .into_iter()
                .map(|complaint| format!("{}: {complaint}", case.name)),
        );
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(wrong.join("\n")))
}

/// Makes one build and says what is not as it should be.
fn build(
    scratch: &ScratchBuild,
    archive: &FaultyArchive,
    case: &Case,
    show: bool,
) -> Result<Vec<String>, TaskError> {
    outcome::clear(scratch)?;
    archive.misbehave(&case.faults);
    let packages = case.packages.iter().flat_map(|name| ["-p", name]);
    let arguments = ["build", "-o", "out/image", "-t", "tar"].into_iter();
    let mut command = scratch.dib(
        &arguments
            .chain(packages)
            .chain(["ubuntu-minimal"])
            .collect::<Vec<_>>(),
    );
    command
        .env("DIB_NO_TIMESTAMP", "1")
        .envs(case.variables.iter().copied());
    let outcome = outcome::of(&mut command)?;
    if show {
        println!(
            "---- {}: exit code {:?}\n{}",
            case.name,
            outcome.code,
            outcome.error()
        );
    }
    let mut complaints = outcome.complaints(&case.expected);
    complaints.extend(archive.faults_not_met());
    complaints.extend(outcome::left_behind(scratch, case.expected.code == 0)?);
    Ok(complaints)
}
