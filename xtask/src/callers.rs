//! `cargo xtask callers`: programs that people drive `disk-image-create` with, from where they are published, unchanged,
//! with ours in its place.
//!
//! In reading order: `python` installs them, `place` is where they run, `command_lines`, `ironic` and `nodepool` are the callers,
//! `source_repositories` is what the second builds from, `zookeeper` what the third needs, `image_files` what they leave.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build_image;
use crate::needs;
use crate::ordinary_user::{self, OrdinaryUser};
use crate::progress;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

mod command_lines;
mod image_files;
mod ironic;
mod nodepool;
mod place;
mod python;
mod source_repositories;
mod zookeeper;

use place::Place;

/// Has nodepool, ironic-python-agent-builder and command lines like those of others build by `disk-image-create`.
#[derive(Debug, clap::Args)]
pub(crate) struct Callers {
    /// As root: the ordinary user who calls instead; made when there is none of the name.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Run only the callers whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// The `disk-image-create` that is called instead of ours: to see whether a fault is the caller's own.
    #[arg(long, value_name = "FILE")]
    program: Option<Utf8PathBuf>,
}

/// A caller's name and what it does at a place.
type Caller = (&'static str, fn(&Workspace, &Place) -> Result<(), TaskError>);

/// Every caller, the quickest first.
const CALLERS: [Caller; 3] = [
    ("command-lines", command_lines::build),
    ("nodepool", nodepool::build),
    ("ironic-python-agent-builder", ironic::build),
];

/// Runs the command.
pub(crate) fn callers(options: &Callers) -> Result<(), TaskError> {
    let workspace = Workspace::load()?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build_image::build_dib(&workspace)?,
    };
    let user = match &options.user {
        Some(name) if needs::is_root() => Some(ordinary_user::find_or_make(name)?),
        Some(name) => return Err(TaskError::Check(format!("only root can call as {name}"))),
        None => None,
    };
    call(&workspace, &program, user.as_ref(), &options.only)
}

/// Has the callers whose names contain a text build, as the current user or another, each in a place of its own.
pub(crate) fn call(
    workspace: &Workspace,
    program: &Utf8Path,
    user: Option<&OrdinaryUser>,
    only: &str,
) -> Result<(), TaskError> {
    needs::meet(&[needs::BUILD, needs::ORDINARY_USER, needs::CALLERS])?;
    for (name, build) in CALLERS.iter().filter(|(name, _)| name.contains(only)) {
        let place = Place::prepare(workspace, user, program)?;
        progress::step(format!("{name}, by {}", place.who()));
        build(workspace, &place)?;
        place.check_that_nothing_is_left()?;
    }
    Ok(())
}
