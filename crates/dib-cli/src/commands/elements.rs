//! What `dib elements` prints.

use std::fmt::Write as _;

use dib_core::plan::Reason;
use dib_core::variables::BUILD_VARIABLES;
use dib_core::{Element, ElementName, Phase, PlanError, Registry};

use crate::error::CliError;

/// Returns the elements with what each is for.
pub(super) fn list(registry: &Registry) -> String {
    let rows: Vec<_> = registry
        .iter()
        .map(|element| {
            let about = match element.why_unusable() {
                Some(why) => format!("can't be used: {why}"),
                None => element.summary().to_owned(),
            };
            (element.name().to_string(), about)
        })
        .collect();
    let mut text = String::new();
    write_rows(&mut text, "", &rows);
    text
}

/// Returns all that an element declares, and what the build gives to every element.
///
/// # Errors
/// When there is no such element.
pub(super) fn show(registry: &Registry, name: &str) -> Result<String, CliError> {
    let element = registry.get(name).ok_or_else(|| unknown(registry, name))?;
    let mut text = match element.summary() {
        "" => format!("{}\n", element.name()),
        summary => format!("{}: {summary}\n", element.name()),
    };
    if let Some(directory) = element.directory() {
        let instead = if registry.is_overriding(name) {
            ", instead of the built-in"
        } else {
            ""
        };
        writeln!(text, "the directory {directory}{instead}").expect("a String takes all text");
    }
    if let Some(why) = element.why_unusable() {
        writeln!(text, "can't be used: {why}").expect("a String takes all text");
    }
    section(
        &mut text,
        "depends on",
        &single(element.dependencies().iter().map(ElementName::to_string)),
    );
    section(
        &mut text,
        "provides",
        &single(element.provided().iter().map(ElementName::to_string)),
    );
    section(&mut text, "packages", &rules(element));
    for phase in Phase::ALL {
        section(
            &mut text,
            &format!("hooks of phase {phase}"),
            &hooks_of(element, phase).collect::<Vec<_>>(),
        );
    }
    let variables = element.variables().iter().map(|variable| {
        let left = match &variable.default {
            Some(default) => format!("{}={default}", variable.name),
            None => format!("{} (unset)", variable.name),
        };
        (left, variable.about.clone())
    });
    section(
        &mut text,
        "variables, with their defaults",
        &variables.collect::<Vec<_>>(),
    );
    let build = BUILD_VARIABLES
        .iter()
        .map(|variable| (variable.name.to_owned(), variable.about.to_owned()));
    section(
        &mut text,
        "variables that every hook sees",
        &build.collect::<Vec<_>>(),
    );
    Ok(text)
}

fn unknown(registry: &Registry, name: &str) -> CliError {
    let nearest = registry.nearest(name).cloned();
    PlanError::MissingElement {
        element: name.to_owned(),
        reason: Reason::Asked,
        nearest,
    }
    .into()
}

/// Returns an element's hooks of a phase in the order in which they run.
fn hooks_of(element: &Element, phase: Phase) -> impl Iterator<Item = (String, String)> {
    let mut hooks: Vec<_> = element
        .hooks()
        .iter()
        .filter(|hook| hook.phase == phase)
        .collect();
    hooks.sort_by(|left, right| left.name.cmp(&right.name));
    hooks.into_iter().map(move |hook| {
        let when = match &hook.install_type {
            Some(wanted) if wanted.of == element.name().as_str() => format!("install type {}", wanted.name),
            Some(wanted) => format!("install type {} of {}", wanted.name, wanted.of),
            None => String::new(),
        };
        (hook.name.to_string(), when)
    })
}

fn rules(element: &Element) -> Vec<(String, String)> {
    let rules = element.package_rules().iter();
    rules
        .map(|rule| (rule.name().to_owned(), rule.circumstances()))
        .collect()
}

fn single(names: impl Iterator<Item = String>) -> Vec<(String, String)> {
    names.map(|name| (name, String::new())).collect()
}

fn section(text: &mut String, heading: &str, rows: &[(String, String)]) {
    if !rows.is_empty() {
        writeln!(text, "\n{heading}").expect("a String takes all text");
        write_rows(text, "  ", rows);
    }
}

fn write_rows(text: &mut String, indent: &str, rows: &[(String, String)]) {
    // One long default must not push all explanations out of sight.
    let width = rows
        .iter()
        .map(|(left, _)| left.len())
        .filter(|length| *length <= 32)
        .max()
        .unwrap_or(0);
    for (left, right) in rows {
        let row = format!("{indent}{left:width$}  {right}");
        writeln!(text, "{}", row.trim_end()).expect("a String takes all text");
    }
}

#[cfg(test)]
mod tests {
    use dib_core::{PackageRule, Variable};

    use super::*;

    fn registry() -> Registry {
        let mut registry = Registry::new();
        registry
            .add(
                Element::new("ubuntu")
                    .about("an Ubuntu root file system")
                    .depends_on(&["dpkg"])
                    .provides(&["operating-system"])
                    .packages(&["linux-image-generic"])
                    .package_rule(PackageRule::new("memtest86+").only_on(&["amd64"]))
                    .variable(Variable::new("DIB_RELEASE", "the release").default("noble"))
                    .variable(Variable::new("BASE_IMAGE_FILE", "the image's name"))
                    .hook(Phase::Root, "99-b", |_| Ok(()))
                    .hook(Phase::Root, "10-a", |_| Ok(()))
                    .hook_of_install_type("source", "50-c", |_| Ok(())),
            )
            .unwrap();
        registry.add(Element::new("dpkg").about("apt and dpkg")).unwrap();
        registry
    }

    #[test]
    fn lists_by_name() {
        assert_eq!(
            list(&registry()),
            "dpkg    apt and dpkg\nubuntu  an Ubuntu root file system\n"
        );
    }

    #[test]
    fn shows_all_that_an_element_declares() {
        let shown = show(&registry(), "ubuntu").unwrap();
        let (own, every) = shown.split_once("\nvariables that every hook sees\n").unwrap();
        assert_eq!(
            own,
            "\
ubuntu: an Ubuntu root file system

depends on
  dpkg

provides
  operating-system

packages
  linux-image-generic
  memtest86+           on amd64

hooks of phase root
  10-a
  99-b

hooks of phase install
  50-c  install type source

variables, with their defaults
  DIB_RELEASE=noble        the release
  BASE_IMAGE_FILE (unset)  the image's name
"
        );
        assert!(every.contains("\n  TARGET_ROOT      "), "{every}");
    }

    #[test]
    fn shows_where_a_directory_stands_and_why_it_is_of_no_use() {
        let mut registry = registry();
        let directory = Element::new("dpkg").of_directory("/elements/dpkg".into());
        registry.add_over(directory.unusable("it is broken"));
        let shown = show(&registry, "dpkg").unwrap();
        assert!(
            shown.starts_with(
                "dpkg\nthe directory /elements/dpkg, instead of the built-in\ncan't be used: it is broken\n"
            ),
            "{shown}"
        );
    }

    #[test]
    fn an_unknown_name_brings_the_nearest() {
        let error = show(&registry(), "ubunut").unwrap_err();
        assert_eq!(
            error.render(),
            "error: there is no element ubunut (asked for)\n  hint: did you mean ubuntu?\n"
        );
        assert_eq!(error.kind(), crate::ErrorKind::Configuration);
    }
}
