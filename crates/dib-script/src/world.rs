//! What scripts find around them, phase by phase.
//!
//! Source: `run_d`, `run_d_in_target` and `disk-image-create` of diskimage-builder.

mod files;
mod variables;

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{ElementName, HookContext, HookError, Phase, Plan, PlannedHook, Surroundings};
use dib_sys::{DeviceKind, DeviceNode, TargetPath};

use crate::hooks::{self, IN_TARGET, is_hook_name};
use crate::{environment_files, hooks_directory};

/// Directories of programs that are on everybody's path in the target.
const TARGET_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
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

    /// Returns the file in which `mknod` notes the device nodes that it could not make.
    fn device_nodes(&self) -> Utf8PathBuf {
        self.build.join("device-nodes")
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
            is_needed: hooks_directory::directories(plan).next().is_some(),
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
        let mut names = hooks::runnable(&directory, is_hook_name).map_err(HookError::foreign)?;
        names.sort();
        if ctx.variable("DIB_DEBUG_TRACE").is_some_and(|trace| trace != "0") {
            for name in hooks::passed_over(&directory).map_err(HookError::foreign)? {
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
            ctx.run_with_environment(environment_files::command(RESULT_IN_TARGET, &files), environment)?;
            let result: TargetPath = RESULT_IN_TARGET.parse()?;
            let bytes = ctx.target().read(&result)?;
            ctx.target().remove_file(&result)?;
            bytes
        } else {
            let result = self.places.build.join("environment");
            let files = in_directory(directory.as_str());
            let observer = ctx.observer();
            let command = environment_files::command(result.as_str(), &files);
            ctx.run_on_host_with(command, environment, &mut |line| observer.output(line))?;
            fs::read(&result).map_err(|source| HookError::Host {
                action: "read",
                path: result.to_string(),
                source,
            })?
        };
        Ok(environment_files::parse(&bytes))
    }

    /// Takes the device nodes that `mknod` could only lend to the tree into the image.
    fn keep_device_nodes(&self, ctx: &HookContext<'_>) -> Result<(), HookError> {
        let file = self.places.device_nodes();
        let Ok(text) = fs::read_to_string(&file) else {
            // Nobody has noted any.
            return Ok(());
        };
        let mut nodes: BTreeMap<String, DeviceNode> = BTreeMap::new();
        for line in text.lines() {
            if let Some(node) = device_node(line, &self.places.tree) {
                nodes.insert(node.path.to_string(), node);
            }
        }
        let mut kept = Vec::new();
        for (path, node) in nodes {
            if ctx.is_mounted(&path)? {
                ctx.unmount(&path)?;
                ctx.remove(&path)?;
                kept.push(node);
            }
        }
        ctx.add_device_nodes(kept);
        fs::remove_file(&file).map_err(|source| HookError::Host {
            action: "remove",
            path: file.to_string(),
            source,
        })
    }
}

impl Surroundings for ScriptWorld {
    fn enter(
        &self,
        ctx: &HookContext<'_>,
        phase: Phase,
        planned: Vec<PlannedHook>,
    ) -> Result<Vec<PlannedHook>, HookError> {
        if !self.is_needed {
            return Ok(planned);
        }
        let present = self.present(ctx, phase, planned)?;
        let mut environment = self.before_environment_files(ctx.environment());
        if phase.runs_in_target() {
            ctx.bind_read_only(&self.places.hooks, IN_TARGET)?;
            environment = in_target(environment);
        }
        if !present.is_empty() {
            environment = self.read_environment(ctx, phase, environment)?;
        }
        ctx.set_phase_environment(&environment);
        Ok(present)
    }

    fn leave(&self, ctx: &HookContext<'_>, phase: Phase) -> Result<(), HookError> {
        if !self.is_needed {
            return Ok(());
        }
        if phase == Phase::Install && !self.packages.is_empty() {
            let command = ["install-packages".to_owned()].into_iter().chain(self.packages.clone());
            ctx.run_with_environment(command.collect(), ctx.environment())?;
        }
        if phase.runs_in_target() {
            ctx.unmount(IN_TARGET)?;
            return ctx.remove_directory(IN_TARGET);
        }
        self.keep_device_nodes(ctx)
    }
}

/// Returns the packages that the user asked for, unless an element of the program installs them.
fn packages_for_scripts(plan: &Plan<'_>) -> Vec<String> {
    let native = plan
        .elements()
        .iter()
        .any(|planned| planned.element.directory().is_none() && planned.element.provides_name("package-installer"));
    if native {
        return Vec::new();
    }
    plan.spec().packages.clone()
}

/// Returns the environment that scripts have in the target, where they have this one beside it.
fn in_target(mut environment: BTreeMap<String, String>) -> BTreeMap<String, String> {
    for name in ["TMPDIR", "VIRTUAL_ENV"] {
        environment.remove(name);
    }
    let path = environment
        .get("PATH")
        .map_or_else(|| TARGET_PATH.to_owned(), |path| format!("{path}:{TARGET_PATH}"));
    environment.insert("PATH".to_owned(), path);
    for (name, value) in [("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root")] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment
}

/// Reads a line `PATH TYPE MAJOR MINOR MODE`; what stands outside the tree is none of the image's.
fn device_node(line: &str, tree: &Utf8Path) -> Option<DeviceNode> {
    let mut words = line.rsplitn(5, ' ');
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let minor = words.next()?.parse().ok()?;
    let major = words.next()?.parse().ok()?;
    let kind = match words.next()? {
        "c" | "u" => DeviceKind::Character,
        "b" => DeviceKind::Block,
        _ => return None,
    };
    let inside = words.next()?.strip_prefix(tree.as_str())?;
    Some(DeviceNode {
        path: inside.parse().ok()?,
        kind,
        major,
        minor,
        mode,
        uid: 0,
        gid: 0,
        mtime: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noted_device_nodes_of_the_tree_are_read() {
        let tree = Utf8Path::new("/build/mnt");
        let node = device_node("/build/mnt/dev/ran dom c 1 8 0666", tree).unwrap();
        assert_eq!(node.path.to_string(), "/dev/ran dom");
        assert_eq!((node.major, node.minor, node.mode), (1, 8, 0o666));
        assert_eq!(node.kind, DeviceKind::Character);
        for line in [
            "",
            "/etc/x c 1 8 0666",
            "/build/mnt/x p 1 8 0666",
            "/build/mnt/x c 1 x 0666",
        ] {
            assert_eq!(device_node(line, tree), None, "{line}");
        }
    }

    #[test]
    fn scripts_in_the_target_are_roots() {
        let given = [
            ("PATH", "/opt/bin"),
            ("HOME", "/home/me"),
            ("TMPDIR", "/x"),
            ("A", "1"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = in_target(given.into());
        assert_eq!(environment["PATH"], format!("/opt/bin:{TARGET_PATH}"));
        assert_eq!(environment["HOME"], "/root");
        assert_eq!(environment["A"], "1");
        assert!(!environment.contains_key("TMPDIR"));
    }
}
