//! What scripts find around them, phase by phase.
//!
//! Source: `run_d`, `run_d_in_target` and `disk-image-create` of diskimage-builder.

pub(crate) mod devices;
mod files;
mod variables;

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::surroundings::environment_in_target;
use dib_core::{ElementName, HookContext, HookError, Phase, Plan, PlannedHook, Surroundings};
use dib_sys::TargetPath;

use crate::environment_files;
use crate::hook_names::{HookNames, RUN_PARTS_REGEX};
use crate::hooks::{self, IN_TARGET};

/// Where the environment after the files of `environment.d` is written to, in the target.
const RESULT_IN_TARGET: &str = "/tmp/dib-environment";
/// The element of hooks that another hook has made.
const MADE_BY_A_HOOK: &str = "made-by-a-hook";

/// The directories of a build that scripts know.
#[derive(Debug, Clone)]
pub struct Places {
    /// The build's own directory (`TMP_BUILD_DIR`).
    pub build: Utf8PathBuf,
    /// The image's root directory (`TMP_MOUNT_PATH`).
    pub tree: Utf8PathBuf,
    /// The hooks as files (`TMP_HOOKS_PATH`).
    pub hooks: Utf8PathBuf,
}

impl Places {
    /// Returns those of a build whose own directory this is.
    #[must_use]
    pub fn below(build: &Utf8Path) -> Self {
        Self {
            build: build.to_owned(),
            tree: build.join("mnt"),
            hooks: build.join("hooks"),
        }
    }

    /// Returns the directory of shell functions (`_LIB`).
    #[must_use]
    pub fn library(&self) -> Utf8PathBuf {
        self.build.join("lib")
    }

    /// Returns the directory of programs that come before the host's.
    #[must_use]
    pub fn programs(&self) -> Utf8PathBuf {
        self.build.join("bin")
    }

    /// Returns the directory where upstream makes its images (`TMP_IMAGE_DIR`).
    #[must_use]
    pub fn image(&self) -> Utf8PathBuf {
        self.build.join("image")
    }
}

/// The world of a build's scripts. Where no element is a directory nothing is prepared.
#[derive(Debug)]
pub struct ScriptWorld {
    places: Places,
    is_needed: bool,
    /// The variables that the plan has from `environment.d`, as they were before; each phase reads the files anew.
    before: BTreeMap<String, Option<String>>,
    /// The packages that the user asked for, where it is for scripts to install them.
    packages: Vec<String>,
}

impl ScriptWorld {
    /// Makes the world of a plan's scripts.
    #[must_use]
    pub fn of(plan: &Plan<'_>, places: Places) -> Self {
        Self {
            places,
            is_needed: plan.has_scripts(),
            before: plan
                .spec()
                .element_environment
                .keys()
                .map(|name| (name.clone(), plan.spec().variables.get(name).cloned()))
                .collect(),
            packages: packages_for_scripts(plan),
        }
    }

    /// Returns the hooks that there are now: a hook that ran may have added and removed some.
    fn present(
        &self,
        ctx: &HookContext<'_>,
        phase: Phase,
        planned: Vec<PlannedHook>,
    ) -> Result<Vec<PlannedHook>, HookError> {
        let directory = self.places.hooks.join(format!("{phase}.d"));
        let counted = HookNames::matching(ctx.variable(RUN_PARTS_REGEX));
        let mut names = hooks::runnable(&directory, &counted).map_err(HookError::foreign)?;
        names.sort();
        if ctx.variable("DIB_DEBUG_TRACE").is_some_and(|trace| trace != "0") {
            for name in hooks::passed_over(&directory, &names).map_err(HookError::foreign)? {
                ctx.observer().output(&format!(
                    "{directory}/{name} is no hook: it is not executable, or not named as one"
                ));
            }
        }
        let planned: BTreeMap<_, _> = planned
            .into_iter()
            .map(|hook| (hook.name.clone(), hook))
            .collect();
        let present = names.into_iter().map(|name| {
            planned.get(&name).cloned().unwrap_or_else(|| PlannedHook {
                phase,
                name: name.clone(),
                element: MADE_BY_A_HOOK.parse::<ElementName>().expect("a constant name"),
                install_type: None,
                inputs: None,
                body: hooks::script(phase, name, None).body,
            })
        });
        Ok(present.collect())
    }

    /// Returns an environment as it was before any file of `environment.d` was read.
    fn before_environment_files(
        &self,
        mut environment: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        for (name, value) in &self.before {
            match value {
                Some(value) => environment.insert(name.clone(), value.clone()),
                None => environment.remove(name),
            };
        }
        environment
    }

    /// Has bash read the files of `environment.d` and returns the environment after them.
    fn read_environment(
        &self,
        ctx: &HookContext<'_>,
        phase: Phase,
        environment: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, HookError> {
        let directory = self.places.hooks.join(environment_files::DIRECTORY);
        let names = environment_files::in_directory(&directory).map_err(HookError::foreign)?;
        if names.is_empty() {
            return Ok(environment);
        }
        let in_directory = |directory: &str| {
            names
                .iter()
                .map(|name| format!("{directory}/{name}"))
                .collect::<Vec<_>>()
        };
        let bytes = if phase.runs_in_target() {
            let files = in_directory(&format!("{IN_TARGET}/{}", environment_files::DIRECTORY));
            let command = environment_files::command(RESULT_IN_TARGET, &files);
            let ran = ctx.run_with_environment(command, environment);
            let result: TargetPath = RESULT_IN_TARGET.parse()?;
            succeeded(ran, || ctx.target().read(&result).unwrap_or_default())?;
            let bytes = ctx.target().read(&result)?;
            ctx.target().remove_file(&result)?;
            bytes
        } else {
            let result = self.places.build.join("environment");
            let files = in_directory(directory.as_str());
            let observer = ctx.observer();
            let command = environment_files::command(result.as_str(), &files);
            let ran = ctx.run_on_host_with(command, environment, &mut |line| observer.output(line));
            succeeded(ran, || fs::read(&result).unwrap_or_default())?;
            fs::read(&result).map_err(|source| HookError::Host {
                action: "read",
                path: result.to_string(),
                source,
            })?
        };
        environment_files::parse(&bytes).map_err(HookError::foreign)
    }
}

impl Surroundings for ScriptWorld {
    fn hooks(
        &self,
        ctx: &HookContext<'_>,
        phase: Phase,
        planned: Vec<PlannedHook>,
    ) -> Result<Vec<PlannedHook>, HookError> {
        if self.is_needed {
            return self.present(ctx, phase, planned);
        }
        Ok(planned)
    }

    fn enter(&self, ctx: &HookContext<'_>, phase: Phase, has_hooks: bool) -> Result<(), HookError> {
        if !self.is_needed {
            return Ok(());
        }
        let mut environment = self.before_environment_files(ctx.environment());
        if phase.runs_in_target() {
            ctx.bind_read_only(&self.places.hooks, IN_TARGET)?;
            environment = environment_in_target(environment);
        }
        if has_hooks {
            environment = self.read_environment(ctx, phase, environment)?;
        }
        ctx.set_phase_environment(&environment);
        Ok(())
    }

    fn leave(&self, ctx: &HookContext<'_>, phase: Phase) -> Result<(), HookError> {
        if !self.is_needed {
            return Ok(());
        }
        if phase == Phase::Install && !self.packages.is_empty() {
            let command = ["install-packages".to_owned()]
                .into_iter()
                .chain(self.packages.clone());
            ctx.run_with_environment(command.collect(), ctx.environment_of_script())?;
        }
        if phase.runs_in_target() {
            ctx.unmount(IN_TARGET)?;
            return ctx.remove_directory(IN_TARGET);
        }
        devices::keep(ctx)
    }
}

/// Makes sure that bash has read the files of `environment.d`, or says which of them failed.
fn succeeded(ran: Result<(), HookError>, written: impl FnOnce() -> Vec<u8>) -> Result<(), HookError> {
    ran.map_err(|error| match error {
        HookError::Command(error) => HookError::foreign(environment_files::failure(error, &written())),
        error => error,
    })
}

/// Returns the packages that the user asked for, unless an element of the program installs them.
fn packages_for_scripts(plan: &Plan<'_>) -> Vec<String> {
    let native = plan.elements().iter().any(|planned| {
        planned.element.directory().is_none() && planned.element.provides_name("package-installer")
    });
    if native {
        return Vec::new();
    }
    plan.spec().packages.clone()
}
