//! A build under way: what its hooks share.

use std::sync::{Mutex, PoisonError};

use dib_cache::Cache;
use dib_sys::{DeviceNode, TargetRoot};

use crate::{Journal, Machine, Observer, Plan, Variables};

/// A build under way: its plan, its target and everything that its hooks act through.
pub struct Build<'b> {
    /// What it does.
    pub plan: &'b Plan<'b>,
    /// The variables, those that became known when the build began included.
    pub variables: Variables,
    /// The image's root directory.
    pub target: &'b TargetRoot,
    /// Mounts and commands.
    pub machine: &'b dyn Machine,
    /// Downloads.
    pub cache: &'b Cache,
    /// What happened so far.
    pub journal: &'b Journal,
    /// Who watches.
    pub observer: &'b dyn Observer,
    kept_nodes: Mutex<Vec<DeviceNode>>,
}

impl<'b> Build<'b> {
    /// Begins a build.
    #[must_use]
    pub fn new(
        plan: &'b Plan<'b>,
        variables: Variables,
        target: &'b TargetRoot,
        machine: &'b dyn Machine,
        cache: &'b Cache,
        journal: &'b Journal,
        observer: &'b dyn Observer,
    ) -> Self {
        Self {
            plan,
            variables,
            target,
            machine,
            cache,
            journal,
            observer,
            kept_nodes: Mutex::default(),
        }
    }

    /// Returns the device nodes that belong into the image but not into the tree; those whose directory a hook has
    /// removed meanwhile went with it.
    #[must_use]
    pub fn device_nodes(&self) -> Vec<DeviceNode> {
        let mut nodes = self
            .kept_nodes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        nodes.retain(|node| {
            node.path
                .parent()
                .is_some_and(|parent| self.target.open_directory(&parent).is_ok())
        });
        nodes
    }

    pub(crate) fn keep_device_nodes(&self, nodes: Vec<DeviceNode>) {
        self.kept_nodes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(nodes);
    }
}
