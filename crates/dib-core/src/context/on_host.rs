//! What a hook may do beside the target, on the host.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;

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
        if !self.is_script {
            self.depends_on_unknown(format!("what {} did on the host", argv.join(" ")));
        }
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

    /// Copies a file of the target to the host, where everybody may read it. It stands under its name when it is complete; a
    /// file of that name is replaced.
    ///
    /// # Errors
    /// When `path` is no regular file, or the copy can't be written.
    pub fn copy_to_host(&self, path: &str, to: &Utf8Path) -> Result<(), HookError> {
        self.depends_on_unknown(format!("{to}, which is no part of the image"));
        let mut file = self.build.target.open_file(&path.parse()?)?;
        let failed = |source| HookError::Host {
            action: "write",
            path: to.to_string(),
            source,
        };
        // Named as outputs are while they are written: the next build removes what is left of one that was killed.
        let name = to.file_name().unwrap_or_default();
        let partial = to.with_file_name(format!(".{name}.dib-partial-{}", std::process::id()));
        let mut copy = || {
            let mut copy = File::create(&partial)?;
            copy.lock()?;
            let bytes = io::copy(&mut file, &mut copy)?;
            copy.set_permissions(Permissions::from_mode(0o644))?;
            fs::rename(&partial, to)?;
            Ok(bytes)
        };
        let bytes = copy().map_err(|source| {
            // The first error is the one to tell.
            let _ = fs::remove_file(&partial);
            failed(source)
        })?;
        self.record(Effect::CopyToHost {
            path: path.to_owned(),
            to: to.to_string(),
            bytes,
        });
        Ok(())
    }

    /// Returns all variables, the user's whole environment included, as scripts see them.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        if !self.is_script {
            self.depends_on_unknown("the whole environment");
        }
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
