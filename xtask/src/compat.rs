//! `cargo xtask compat`: the elements that people have, built by upstream's program and by ours, and compared.

mod allowed;
mod build;
mod hooks;
mod place;
mod probe;
mod sets;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build_image;
use crate::compat::allowed::{Allowed, Difference};
use crate::compat::build::{Builder, Built, Order};
use crate::compat::place::Place;
use crate::compat::sets::{ElementSet, SETS};
use crate::compat::table::Outcome;
use crate::needs;
use crate::ordinary_user::{self, OrdinaryUser};
use crate::progress;
use crate::scratch_build;
use crate::tar_members;
use crate::task_error::TaskError;
use crate::upstream;
use crate::workspace::Workspace;

/// The differences that may be, below the root.
const ALLOWED: &str = "xtask/compat/allowed";

/// The elements that are not built here, below the root.
const NOT_BUILT: &str = "xtask/compat/not-built";

/// The page with what was found, below the root.
const PAGE: &str = "docs/compatibility.md";

/// How many of upstream's elements are to be the same at the least.
const WANTED: usize = 60;

/// Builds sets of upstream's elements by diskimage-builder and by `dib`, and compares hooks, environments and trees. Needs root.
#[derive(Debug, clap::Args)]
pub(crate) struct Compat {
    /// Only sets whose names contain this; the page is not written then.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    only: String,
    /// Compares two builds by diskimage-builder: what differs then is not ours to explain.
    #[arg(long)]
    against_itself: bool,
    /// The program to compare, instead of the one that is built now.
    #[arg(long, value_name = "FILE")]
    program: Option<Utf8PathBuf>,
    /// Keeps the builds of sets that differ, below this directory.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<Utf8PathBuf>,
    /// The ordinary user who builds with `dib` where a set wants one; made when there is none.
    #[arg(long, default_value = "dib-ci", value_name = "NAME")]
    user: String,
}

impl Compat {
    /// Compares all sets and writes the page.
    pub(crate) fn of_all(user: &str) -> Self {
        Self {
            only: String::new(),
            against_itself: false,
            program: None,
            keep: None,
            user: user.to_owned(),
        }
    }
}

/// Runs the command.
pub(crate) fn compat(options: &Compat) -> Result<(), TaskError> {
    let workspace = Workspace::load()?;
    let dib = match &options.program {
        Some(program) => program.clone(),
        None => build_image::build_dib(&workspace)?,
    };
    compare_all(&workspace, &dib, options)
}

/// Compares all sets, writes the page, and fails when a difference has no reason.
pub(crate) fn compare_all(workspace: &Workspace, dib: &Utf8Path, options: &Compat) -> Result<(), TaskError> {
    if !needs::is_root() {
        return Err(TaskError::Check(
            "diskimage-builder works for root alone: run this as root".to_owned(),
        ));
    }
    needs::meet(&[
        needs::BUILD,
        needs::UPSTREAM,
        needs::MIRROR,
        needs::REPOSITORIES,
        needs::ORDINARY_USER,
    ])?;
    let read = |name: &str| {
        let path = workspace.root.join(name);
        fs::read_to_string(&path).map_err(TaskError::file("read", &path))
    };
    let allowed = Allowed::parse(&read(ALLOWED)?)?;
    let not_built = sets::parse_not_built(&read(NOT_BUILT)?)?;
    let upstream = upstream::install(workspace)?;
    let place = Place::prepare(workspace, &upstream, dib)?;
    let user = ordinary_user::find_or_make(&options.user)?;

    let (mut outcomes, mut faults) = (Vec::new(), Vec::new());
    for set in SETS.iter().filter(|set| set.name.contains(&options.only)) {
        match compare_set(&place, set, options, &user, &allowed) {
            Ok((outcome, unexplained)) => {
                if !unexplained.is_empty() {
                    faults.push(format!(
                        "{}: {} differences without a reason",
                        set.name,
                        unexplained.len()
                    ));
                }
                outcomes.push(outcome);
            }
            Err(error) => {
                error.print();
                faults.push(format!("{}: not built", set.name));
            }
        }
    }
    if options.only.is_empty() && !options.against_itself {
        let elements = upstream_elements(place.upstream_elements())?;
        faults.extend(
            allowed
                .unused()
                .iter()
                .map(|line| format!("{ALLOWED}: no use for {line}")),
        );
        faults.extend(table_faults(&elements, &outcomes, &not_built));
        let path = workspace.root.join(PAGE);
        let page = table::page(&elements, &outcomes, &not_built);
        fs::write(&path, page).map_err(TaskError::file("write", &path))?;
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(faults.join("\n")))
}

/// Builds a set by both at once and compares; returns what has no reason besides.
fn compare_set(
    place: &Place,
    set: &'static ElementSet,
    options: &Compat,
    user: &OrdinaryUser,
    allowed: &Allowed,
) -> Result<(Outcome, Vec<Difference>), TaskError> {
    let second = if options.against_itself {
        Builder::Upstream
    } else {
        Builder::Dib
    };
    let user = (set.by_a_user && second == Builder::Dib).then_some(user);
    let order = |builder, name, user| Order {
        place,
        builder,
        user,
        set,
        name,
    };
    let (first, other) = (
        order(Builder::Upstream, "first", None),
        order(second, "other", user),
    );
    let (theirs, ours) = thread::scope(|scope| {
        let theirs = scope.spawn(|| build::build(&first));
        let ours = build::build(&other);
        (theirs.join().expect("a build does not panic"), ours)
    });
    let result = both(theirs, ours).map(|(theirs, ours)| {
        let outcome = judge(set, &theirs, &ours, allowed);
        progress::step(format!(
            "{}: diskimage-builder {}, second {}, {} hooks, {} unexplained",
            set.name,
            progress::seconds(theirs.time),
            progress::seconds(ours.time),
            theirs.hooks.len(),
            outcome.1.len()
        ));
        outcome
    });
    for difference in result.iter().flat_map(|(_, unexplained)| unexplained) {
        println!(
            "{} {} {}  {}",
            set.name, difference.subject, difference.aspect, difference.detail
        );
    }
    let same = result.as_ref().is_ok_and(|(outcome, _)| outcome.same);
    end(place, set, same, options)?;
    result
}

fn both(
    theirs: Result<Built, TaskError>,
    ours: Result<Built, TaskError>,
) -> Result<(Built, Built), TaskError> {
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => Ok((theirs, ours)),
        (Err(theirs), Ok(_)) => Err(TaskError::Check(format!("diskimage-builder: {theirs}"))),
        (Ok(_), Err(ours)) => Err(TaskError::Check(format!("the second: {ours}"))),
        (Err(theirs), Err(ours)) => Err(TaskError::Check(format!(
            "diskimage-builder: {theirs}\nand the second: {ours}"
        ))),
    }
}

fn judge(
    set: &'static ElementSet,
    theirs: &Built,
    ours: &Built,
    allowed: &Allowed,
) -> (Outcome, Vec<Difference>) {
    let mut differences = hooks::differences(&theirs.hooks, &ours.hooks);
    differences.extend(probe::differences(&theirs.probes, &ours.probes));
    let tree = tar_members::aspects_of_trees(&theirs.tree, &ours.tree);
    differences.extend(tree.into_iter().map(|(path, aspect, detail)| {
        let aspect = match aspect {
            "first" => "theirs",
            "second" => "ours",
            other => other,
        };
        Difference::new(format!("tree/{path}"), aspect, detail)
    }));
    let (mut reasons, mut unexplained) = (BTreeSet::new(), Vec::new());
    for difference in differences {
        match allowed.reason(set.name, &difference) {
            Some(reason) => {
                reasons.insert(reason.to_owned());
            }
            None => unexplained.push(difference),
        }
    }
    let outcome = Outcome {
        set: set.name,
        elements: probe::elements(&theirs.probes),
        same: unexplained.is_empty(),
        reasons,
    };
    (outcome, unexplained)
}

/// Removes what a set has left, or keeps it where that was asked for and there is something to look at.
fn end(place: &Place, set: &ElementSet, same: bool, options: &Compat) -> Result<(), TaskError> {
    let directory = place.path().join(set.name);
    unmount_below(&directory)?;
    if let Some(keep) = options.keep.as_ref().filter(|_| !same) {
        let kept = keep.join(set.name);
        let shell = xshell::Shell::new()?;
        shell.create_dir(keep)?;
        shell.remove_path(&kept)?;
        xshell::cmd!(shell, "mv {directory} {kept}").quiet().run()?;
        return Ok(());
    }
    fs::remove_dir_all(&directory).map_err(TaskError::file("remove", &directory))
}

/// Unmounts what a failed build may have left, the host's own /dev among it, before anything there is removed.
fn unmount_below(directory: &Utf8Path) -> Result<(), TaskError> {
    let shell = xshell::Shell::new()?;
    let mounts = shell.read_file("/proc/self/mounts")?;
    let below = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|at| Utf8Path::new(at).starts_with(directory));
    let below: Vec<&str> = below.collect();
    for at in below.iter().rev() {
        xshell::cmd!(shell, "umount --lazy {at}").quiet().run()?;
    }
    Ok(())
}

/// Upstream's elements: the directories that hold more than Python's own.
fn upstream_elements(directory: &Utf8Path) -> Result<Vec<String>, TaskError> {
    let mut names = scratch_build::names_in(directory)?;
    names.retain(|name| directory.join(name).is_dir() && name != "__pycache__");
    Ok(names)
}

/// Names elements of which nothing is known, reasons that are out of date, and too small a number.
fn table_faults(
    elements: &[String],
    outcomes: &[Outcome],
    not_built: &std::collections::BTreeMap<String, String>,
) -> Vec<String> {
    let built: BTreeSet<&String> = outcomes.iter().flat_map(|outcome| &outcome.elements).collect();
    let same = outcomes.iter().filter(|outcome| outcome.same);
    let same: BTreeSet<&String> = same
        .flat_map(|outcome| &outcome.elements)
        .filter(|element| elements.contains(element))
        .collect();
    let mut faults = Vec::new();
    for element in elements {
        match (built.contains(element), not_built.contains_key(element)) {
            (false, false) => faults.push(format!("{NOT_BUILT}: no set builds {element}, and no reason")),
            (true, true) => faults.push(format!("{NOT_BUILT}: {element} is built, though")),
            _ => {}
        }
    }
    if same.len() < WANTED {
        faults.push(format!(
            "{} elements are the same, {WANTED} are wanted",
            same.len()
        ));
    }
    faults
}
