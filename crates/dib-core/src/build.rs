//! A build under way: what its hooks share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dib_cache::Cache;
use dib_sys::{DeviceNode, TargetRoot};

use crate::layering::{Layering, NoLayering};
use crate::surroundings::{NoSurroundings, Surroundings};
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
    pub(crate) surroundings: &'b dyn Surroundings,
    pub(crate) layering: &'b dyn Layering,
    phase_variables: Mutex<Arc<Variables>>,
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
            phase_variables: Mutex::new(Arc::new(variables.clone())),
            variables,
            target,
            machine,
            cache,
            journal,
            observer,
            surroundings: &NoSurroundings,
            layering: &NoLayering,
            kept_nodes: Mutex::default(),
        }
    }

    /// Has somebody prepare each phase for its hooks.
    #[must_use]
    pub fn with_surroundings(mut self, surroundings: &'b dyn Surroundings) -> Self {
        self.surroundings = surroundings;
        self
    }

    /// Has somebody keep what hooks do, and put it in place where it need not be done again.
    #[must_use]
    pub fn with_layering(mut self, layering: &'b dyn Layering) -> Self {
        self.layering = layering;
        self
    }

    /// Returns the variables as the hooks of the phase under way see them.
    #[must_use]
    pub fn phase_variables(&self) -> Arc<Variables> {
        Arc::clone(
            &self
                .phase_variables
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Lets the hooks of the phase under way see this environment, and nothing else.
    pub(crate) fn set_phase_environment(&self, environment: &BTreeMap<String, String>) {
        let variables = Arc::new(self.variables.as_changed_to(environment));
        *self
            .phase_variables
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = variables;
    }

    /// Lets the hooks of the phase under way see the build's own variables.
    pub(crate) fn reset_phase_environment(&self) {
        *self
            .phase_variables
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(self.variables.clone());
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

    /// Returns how many device nodes have been kept, whatever became of their directories.
    pub(crate) fn count_of_kept_nodes(&self) -> usize {
        self.kept_nodes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Returns the device nodes that were kept after the first `count`.
    pub(crate) fn kept_nodes_from(&self, count: usize) -> Vec<DeviceNode> {
        let nodes = self.kept_nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.get(count..).unwrap_or_default().to_vec()
    }

    /// Lets none of the device nodes that have been kept be later than a time, in seconds since 1970.
    pub(crate) fn clamp_device_nodes(&self, latest: i64) {
        clamp(
            &mut self.kept_nodes.lock().unwrap_or_else(PoisonError::into_inner),
            latest,
        );
    }

    pub(crate) fn keep_device_nodes(&self, nodes: Vec<DeviceNode>) {
        self.kept_nodes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(nodes);
    }
}

fn clamp(nodes: &mut [DeviceNode], latest: i64) {
    for node in nodes {
        node.mtime = node.mtime.min(latest);
    }
}

#[cfg(test)]
mod tests {
    use dib_sys::DeviceKind;

    use super::*;

    #[test]
    fn device_nodes_are_not_later_than_they_may_be() {
        let made_at = |mtime| DeviceNode {
            path: "/dev/console".parse().unwrap(),
            kind: DeviceKind::Character,
            major: 5,
            minor: 1,
            mode: 0o600,
            uid: 0,
            gid: 0,
            mtime,
        };
        let mut nodes = [made_at(1), made_at(3)];
        clamp(&mut nodes, 2);
        assert_eq!(nodes.map(|node| node.mtime), [1, 2]);
    }
}
