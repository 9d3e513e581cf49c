//! What a unit did beside the tree, which is done again where it is reused: mounts, directories of the host, device nodes.

use camino::Utf8Path;
use dib_core::journal::{KERNEL_FILE_SYSTEMS, UNMOUNTED_ALL};
use dib_core::{Build, Effect, HookError, Ran};
use dib_sys::DeviceNode;
use serde::{Deserialize, Serialize};

/// What is to be done again, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Replays {
    actions: Vec<Action>,
    pub(super) device_nodes: Vec<DeviceNode>,
}

/// Something that is done again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    /// A directory of the host is made.
    HostDirectory(String),
    /// A directory of the host is bound into the tree.
    Bind { source: String, path: String },
    /// The kernel's file systems are mounted.
    KernelFileSystems,
    /// All that is mounted in the tree is unmounted.
    UnmountAll,
}

impl Replays {
    /// Returns what a unit did that is to be done again.
    pub(super) fn of(ran: &Ran<'_>) -> Self {
        let actions = ran.journal.iter().filter_map(|entry| match &entry.effect {
            Effect::CreateHostDirectory { path } => Some(Action::HostDirectory(path.clone())),
            Effect::BindMount { source, path } => Some(Action::Bind {
                source: source.clone(),
                path: path.clone(),
            }),
            Effect::Mount { what } if what == KERNEL_FILE_SYSTEMS => Some(Action::KernelFileSystems),
            Effect::Mount { what } if what == UNMOUNTED_ALL => Some(Action::UnmountAll),
            _ => None,
        });
        Self {
            actions: actions.collect(),
            device_nodes: ran.device_nodes.clone(),
        }
    }

    /// Adds what a later unit did.
    pub(super) fn follow(&mut self, later: Self) {
        self.actions.extend(later.actions);
    }

    /// Does it all, once.
    pub(super) fn play(&mut self, build: &Build<'_>) -> Result<(), HookError> {
        let actions = std::mem::take(&mut self.actions);
        // What was unmounted again need not be mounted.
        let from = actions
            .iter()
            .rposition(|action| *action == Action::UnmountAll)
            .map_or(0, |position| position + 1);
        for (position, action) in actions.iter().enumerate() {
            match action {
                Action::HostDirectory(path) => {
                    std::fs::create_dir_all(path).map_err(|source| HookError::Host {
                        action: "make the directory",
                        path: path.clone(),
                        source,
                    })?;
                }
                Action::Bind { source, path } if position >= from => {
                    build
                        .machine
                        .bind(Utf8Path::new(source), build.target, &path.parse()?)?;
                }
                Action::KernelFileSystems if position >= from => {
                    build.machine.mount_kernel_file_systems(build.target)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
