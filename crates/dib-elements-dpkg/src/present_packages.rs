//! Which packages the target has.

use std::collections::BTreeSet;

use dib_core::{HookContext, HookError};
use dib_deb::{PackageState, installed_packages};

const STATUS: &str = "/var/lib/dpkg/status";

/// Where apt notes which packages nobody asked for: it removes those when nothing needs them any more.
const EXTENDED_STATES: &str = "/var/lib/apt/extended_states";

/// The packages that the target has, by name and architecture; those for all architectures are the target's.
#[derive(Debug, Default)]
pub(crate) struct PresentPackages {
    native: String,
    installed: BTreeSet<(String, String)>,
    automatic: BTreeSet<(String, String)>,
}

impl PresentPackages {
    /// Looks which packages the target has.
    ///
    /// # Errors
    /// When dpkg's or apt's files can't be read.
    pub(crate) fn of(ctx: &HookContext<'_>) -> Result<Self, HookError> {
        let mut present = Self {
            native: ctx.arch().to_string(),
            ..Self::default()
        };
        if ctx.exists(STATUS)? {
            for package in installed_packages(ctx.target()).map_err(HookError::foreign)? {
                if package.state() == PackageState::Installed {
                    let key = present.key(package.name(), package.architecture());
                    present.installed.insert(key);
                }
            }
        }
        if ctx.exists(EXTENDED_STATES)? {
            let states = ctx.read(EXTENDED_STATES)?;
            present.read_extended_states(&String::from_utf8_lossy(&states));
        }
        Ok(present)
    }

    fn read_extended_states(&mut self, text: &str) {
        for stanza in text.split("\n\n") {
            let field = |name: &str| {
                stanza
                    .lines()
                    .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
            };
            if let (Some(name), Some("1")) = (field("Package"), field("Auto-Installed")) {
                let key = self.key(name, field("Architecture").unwrap_or_default());
                self.automatic.insert(key);
            }
        }
    }

    fn key(&self, name: &str, architecture: &str) -> (String, String) {
        let architecture = match architecture {
            "" | "all" => &self.native,
            other => other,
        };
        (name.to_owned(), architecture.to_owned())
    }

    /// Returns whether the target has a package, named as apt-get is given it: `name` or `name:architecture`.
    pub(crate) fn have(&self, asked: &str) -> bool {
        self.installed.contains(&self.asked(asked))
    }

    /// Returns whether the target has a package, and has it since somebody asked for it.
    pub(crate) fn are_to_stay(&self, asked: &str) -> bool {
        self.have(asked) && !self.automatic.contains(&self.asked(asked))
    }

    fn asked(&self, asked: &str) -> (String, String) {
        match asked.split_once(':') {
            Some((name, architecture)) => self.key(name, architecture),
            None => self.key(asked, ""),
        }
    }
}
