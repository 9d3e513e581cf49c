//! The plan as text: what `dib plan` prints.

use std::fmt;

use dib_sys::command::without_password;

use super::{Plan, PlannedHook};
use crate::Phase;
use crate::variables::Origin;

impl fmt::Display for Plan<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "elements")?;
        let width = width(
            self.elements
                .iter()
                .map(|planned| planned.element.name().as_str()),
        );
        for planned in &self.elements {
            writeln!(
                formatter,
                "  {:width$}  {}",
                planned.element.name(),
                planned.reason
            )?;
        }
        for phase in Phase::ALL {
            write_phase(formatter, phase, &self.hooks_of(phase).collect::<Vec<_>>())?;
        }
        self.write_packages(formatter)?;
        self.write_variables(formatter)?;
        self.write_outputs(formatter)
    }
}

fn write_phase(formatter: &mut fmt::Formatter<'_>, phase: Phase, hooks: &[&PlannedHook]) -> fmt::Result {
    if hooks.is_empty() {
        return Ok(());
    }
    writeln!(formatter, "phase {phase}")?;
    let width = width(hooks.iter().map(|hook| hook.name.as_str()));
    for hook in hooks {
        writeln!(formatter, "  {:width$}  {}", hook.name, hook.element)?;
    }
    Ok(())
}

/// Returns how wide a column has to be.
fn width<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    texts.map(str::len).max().unwrap_or(0)
}

impl Plan<'_> {
    fn write_packages(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.packages.is_empty() {
            return Ok(());
        }
        writeln!(formatter, "packages")?;
        let width = width(self.packages.iter().map(|package| package.name.as_str()));
        for package in &self.packages {
            match &package.element {
                Some(element) => writeln!(formatter, "  {:width$}  {element}", package.name)?,
                None => writeln!(formatter, "  {:width$}  asked for", package.name)?,
            }
        }
        Ok(())
    }

    /// Writes the variables that an element declares and those the user set with DIB's names; the rest of the
    /// environment is no part of the plan.
    fn write_variables(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "variables")?;
        for (name, value, origin) in self.variables.iter() {
            let origin = match origin {
                Origin::User if self.declares(name) || name.starts_with("DIB_") => "set by you".to_owned(),
                Origin::User => continue,
                Origin::Default(element) => format!("default of {element}"),
                Origin::Build => "set by the build".to_owned(),
            };
            writeln!(formatter, "  {name}={}  ({origin})", without_password(value))?;
        }
        Ok(())
    }

    fn write_outputs(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = &self.spec.output;
        writeln!(formatter, "disk")?;
        match output.size {
            Some(bytes) => writeln!(formatter, "  {bytes} bytes")?,
            None => writeln!(formatter, "  as large as the tree needs")?,
        }
        writeln!(
            formatter,
            "  ext4 labelled {}, with a journal of {} MiB",
            output.root_label, output.journal_mib
        )?;
        writeln!(formatter, "outputs")?;
        for image_type in &output.types {
            writeln!(formatter, "  {}", output.path(*image_type))?;
        }
        Ok(())
    }
}
