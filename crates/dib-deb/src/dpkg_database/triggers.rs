//! Interest in triggers (deb-triggers(5)), and the paths that activate them.

use std::collections::{BTreeMap, BTreeSet};

use dib_sys::{TargetError, TargetRoot};

use super::path;

/// The triggers that unpacked packages are interested in.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    /// By the path that activates: who is interested.
    of_paths: BTreeMap<String, BTreeSet<String>>,
    /// By the trigger's name: who is interested.
    named: BTreeMap<String, BTreeSet<String>>,
}

impl Triggers {
    /// Takes in the `triggers` file of a package of this name in the database.
    pub(crate) fn take(&mut self, package: &str, file: &str) {
        for line in file.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let (Some(directive), Some(trigger)) = (words.next(), words.next()) else {
                continue;
            };
            let interested = match directive {
                "interest" | "interest-await" => package.to_owned(),
                "interest-noawait" => format!("{package}/noawait"),
                _ => continue,
            };
            let triggers = if trigger.starts_with('/') {
                &mut self.of_paths
            } else {
                &mut self.named
            };
            triggers.entry(trigger.to_owned()).or_default().insert(interested);
        }
    }

    /// Writes the interest where dpkg looks for it.
    pub(crate) fn write(&self, target: &TargetRoot) -> Result<(), TargetError> {
        let mut text = String::new();
        for (trigger, packages) in &self.of_paths {
            for package in packages {
                for word in [trigger, " ", package, "\n"] {
                    text.push_str(word);
                }
            }
        }
        target.write(&path("triggers/File"), text.as_bytes(), 0o644)?;
        for (trigger, packages) in &self.named {
            // dpkg allows no slash in these names either.
            if trigger.contains('/') || trigger.starts_with('.') {
                continue;
            }
            let mut text = String::new();
            for package in packages {
                text.push_str(package);
                text.push('\n');
            }
            target.write(&path(&format!("triggers/{trigger}")), text.as_bytes(), 0o644)?;
        }
        Ok(())
    }
}
