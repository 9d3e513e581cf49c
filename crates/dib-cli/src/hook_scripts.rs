//! The hooks of a build as files: what `$TMP_HOOKS_PATH` holds, so that a person at a break point can run one again.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use dib_cache::Cache;
use dib_core::variables::Origin;
use dib_core::{
    Build, HookName, ImageSpec, Journal, Phase, Plan, PlannedDisk, Registry, SandboxMachine, Variables,
};
use dib_sys::TargetRoot;
use dib_sys::command::quote;
use serde::{Deserialize, Serialize};

use crate::download_cache::open_cache;
use crate::elements_path;
use crate::{CliError, Console, ErrorKind};

/// The file in `TMP_BUILD_DIR` that tells a hook's script about its build.
const STATE_FILE: &str = "state.json";

/// What a hook run by itself needs to know of its build; the plan is made of it again.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    spec: ImageSpec,
    tree: Utf8PathBuf,
    variables: Vec<(String, String)>,
    disk: PlannedDisk,
}

/// Writes, for each phase, a directory with an executable for each hook, which runs that hook again.
pub(crate) fn write(directory: &Utf8Path, plan: &Plan<'_>, program: &Utf8Path) -> io::Result<()> {
    for (name, script) in plan
        .elements()
        .iter()
        .flat_map(|planned| planned.element.programs())
    {
        // A directory's program takes the place of one of the program's.
        if !directory.join("bin").join(name).exists() {
            write_program(&directory.join("bin"), name, script)?;
        }
    }
    for phase in Phase::ALL {
        // Scripts are files already.
        let mut hooks = plan
            .hooks_of(phase)
            .filter(|hook| hook.body.is_native())
            .peekable();
        if hooks.peek().is_none() {
            continue;
        }
        let phase_directory = directory.join(format!("{phase}.d"));
        for hook in hooks {
            // Names of phases and hooks need no quotes; a program's path may.
            let script = format!(
                "#!/bin/sh\nexec {} hook {phase} {}\n",
                quote(program.as_str()),
                hook.name
            );
            write_program(&phase_directory, hook.name.as_str(), &script)?;
        }
    }
    Ok(())
}

fn write_program(directory: &Utf8Path, name: &str, script: &str) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(directory.join(name))?;
    io::Write::write_all(&mut file, script.as_bytes())
}

/// Writes the file that tells hooks' scripts about their build.
pub(crate) fn write_state(
    build_directory: &Utf8Path,
    plan: &Plan<'_>,
    tree: &Utf8Path,
    variables: &Variables,
) -> io::Result<()> {
    let set_by_build = variables
        .iter()
        .filter(|(_, _, origin)| **origin == Origin::Build);
    let state = State {
        spec: plan.spec().clone(),
        tree: tree.to_owned(),
        variables: set_by_build
            .map(|(name, value, _)| (name.to_owned(), value.to_owned()))
            .collect(),
        disk: plan.disk().clone(),
    };
    fs::write(build_directory.join(STATE_FILE), serde_json::to_vec(&state)?)
}

/// Runs one hook of the build under way again, from a shell at one of its break points.
///
/// # Errors
/// When this is no such shell, or when the hook fails.
pub(crate) fn run(
    mut registry: Registry,
    build_directory: Option<&Utf8Path>,
    phase: Phase,
    name: &HookName,
    console: &Console,
) -> Result<(), CliError> {
    let path = build_directory
        .map(|directory| directory.join(STATE_FILE))
        .filter(|path| path.exists());
    let path = path.ok_or_else(|| {
        CliError::new(
            ErrorKind::Usage,
            "a hook runs by itself only in the shell of a break point",
        )
        .hint("set break=before-root for a build; its shell finds the hooks in $TMP_HOOKS_PATH")
    })?;
    let state: State = fs::read(&path)
        .and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
        .map_err(|error| {
            CliError::new(ErrorKind::InputOutput, error).hint(format!("{path} tells about the build"))
        })?;
    elements_path::add_of_spec(&mut registry, &state.spec)?;
    let plan = Plan::resolve(&registry, &state.spec)?.with_disk(state.disk)?;
    let target =
        TargetRoot::open(&state.tree).map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    let cache: Cache = open_cache(&state.spec, console)?;
    let follower = console.clone();
    let journal = Journal::followed_by(move |entry| follower.follow(entry));
    let mut variables = plan.variables().clone();
    for (name, value) in &state.variables {
        variables.set(name, value, Origin::Build);
    }
    let build = Build::new(
        &plan,
        variables,
        &target,
        &SandboxMachine,
        &cache,
        &journal,
        console,
    );
    build.run_hook(phase, name)?;
    Ok(())
}
