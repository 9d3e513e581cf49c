//! The plan as text: what `dib plan` prints.

use std::fmt;

use dib_sys::command::without_password;

use super::{PackageAction, Plan, PlannedHook};
use crate::variables::Origin;
use crate::{ElementName, PackageRule, Phase};

impl fmt::Display for Plan<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "elements")?;
        let width = width(
            self.elements
                .iter()
                .map(|planned| planned.element.name().as_str()),
        );
        for planned in &self.elements {
            write!(
                formatter,
                "  {:width$}  {}",
                planned.element.name(),
                planned.reason
            )?;
            if let Some(directory) = planned.element.directory() {
                write!(formatter, "; the directory {directory}")?;
            }
            if planned.is_overriding {
                formatter.write_str(" instead of the built-in")?;
            }
            writeln!(formatter)?;
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
        let width = width(self.packages.iter().map(|package| package.name.as_str()));
        for phase in [Phase::Root].into_iter().chain(PackageRule::PHASES) {
            for (action, heading) in [
                (PackageAction::Install, "packages"),
                (PackageAction::Uninstall, "packages removed"),
            ] {
                let packages: Vec<_> = self.packages_of(phase, action).collect();
                if !packages.is_empty() {
                    writeln!(formatter, "{heading} in phase {phase}")?;
                }
                for package in packages {
                    let wanted_by = package.element.as_ref().map_or("asked for", ElementName::as_str);
                    write!(formatter, "  {:width$}  {wanted_by}", package.name)?;
                    if let Some(declared) = &package.declared_as {
                        write!(formatter, " (declared as {declared})")?;
                    }
                    for element in &package.also_wanted_by {
                        write!(formatter, ", {element}")?;
                    }
                    writeln!(formatter)?;
                }
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
                Origin::EnvironmentFile => "set by environment.d".to_owned(),
                Origin::Build => "set by the build".to_owned(),
            };
            writeln!(
                formatter,
                "  {name}={}  ({origin})",
                without_password(name, value)
            )?;
        }
        Ok(())
    }

    fn write_outputs(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = &self.spec.output;
        if !self.disk.summary.is_empty() {
            writeln!(formatter, "disk")?;
        }
        for line in &self.disk.summary {
            writeln!(formatter, "  {line}")?;
        }
        writeln!(formatter, "outputs")?;
        for image_type in &output.types {
            writeln!(formatter, "  {}", output.path(*image_type))?;
        }
        if output.types.is_empty() {
            writeln!(formatter, "  no image, but what hooks leave")?;
        }
        Ok(())
    }
}
