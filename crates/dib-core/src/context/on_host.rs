//! What a hook may do beside the target, on the host.

use std::collections::BTreeMap;

use camino::Utf8Path;
use dib_sys::command::{CommandOutcome, HostCommand, Stdin, Stream, TargetCommand};
use dib_sys::{DeviceNode, TargetPath};

use super::HookContext;
use crate::{Effect, HookError};

impl HookContext<'_> {
    /// Runs a program beside the target, in the sandbox, its output going to the build's log. It gets all of the build's and
    /// the user's variables and `more`, and starts where the build was started.
    ///
    /// # Errors
    /// When it can't be started or fails.
    pub fn run_on_host(&self, argv: &[&str], more: &[(&str, &str)]) -> Result<(), HookError> {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let mut environment = self.environment();
        environment.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let observer = self.build.observer;
        self.run_on_host_with(argv, environment, &mut |line| observer.output(line))
    }

    /// Runs a program beside the target in that environment, and hands over each line that it writes to either output.
    ///
    /// # Errors
    /// When it can't be started or fails.
    pub fn run_on_host_with(
        &self,
        argv: Vec<String>,
        environment: BTreeMap<String, String>,
        on_line: &mut dyn FnMut(&str),
    ) -> Result<(), HookError> {
        let command = HostCommand {
            argv: argv.clone(),
            environment,
            working_directory: ".".into(),
            stdin: Stdin::Nothing,
        };
        let outcome = self
            .build
            .machine
            .run_on_host(&command, &mut |_: Stream, line: &str| on_line(line))?;
        self.record(Effect::RunOnHost {
            argv,
            status: outcome.status.to_string(),
        });
        outcome.require_success(&command)?;
        Ok(())
    }

    /// Runs a program in the target in that environment and no other; its output goes to the build's log.
    ///
    /// # Errors
    /// When it can't be started or fails.
    pub fn run_with_environment(
        &self,
        argv: Vec<String>,
        environment: BTreeMap<String, String>,
    ) -> Result<(), HookError> {
        let command = TargetCommand {
            argv,
            environment,
            working_directory: TargetPath::root(),
            stdin: Stdin::Nothing,
        };
        let observer = self.build.observer;
        let outcome: CommandOutcome =
            self.build
                .machine
                .run(self.build.target, &command, &mut |_, line| observer.output(line))?;
        self.record(Effect::Run {
            argv: command.argv.clone(),
            status: outcome.status.to_string(),
        });
        outcome.require_success(&command)?;
        Ok(())
    }

    /// Returns all variables, the user's whole environment included, as scripts see them.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        self.variables.environment()
    }

    /// Lets the hooks of the phase under way see this environment and nothing else.
    pub fn set_phase_environment(&self, environment: &BTreeMap<String, String>) {
        self.build.set_phase_environment(environment);
    }

    /// Returns the directory that holds the hooks of the build as files (`TMP_HOOKS_PATH`), where there is one.
    #[must_use]
    pub fn hooks_directory(&self) -> Option<&Utf8Path> {
        self.variable("TMP_HOOKS_PATH").map(Utf8Path::new)
    }

    /// Says that the image has these device nodes, though the tree doesn't.
    pub fn add_device_nodes(&self, nodes: Vec<DeviceNode>) {
        self.build.keep_device_nodes(nodes);
    }
}
