//! `ELEMENTS_PATH`: the user's own elements, each a directory; and those of an installed diskimage-builder, which take the
//! places that nobody else has.

mod environment_files;

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{ImageSpec, Plan, Registry};

use crate::environment::Environment;
use crate::error::CliError;
use crate::log::Stream;

/// The variable that names the directories, separated by colons, the first to win.
pub(crate) const ELEMENTS_PATH: &str = "ELEMENTS_PATH";

/// The variable that names the directory of diskimage-builder's own elements; empty where they shall not be used. Unset, an
/// installation is looked for beside the directories of `PATH`.
pub(crate) const UPSTREAM_ELEMENTS: &str = "DIB_UPSTREAM_ELEMENTS";

/// Returns the directories that the environment names, each absolute.
pub(crate) fn directories_of(environment: &Environment) -> Vec<Utf8PathBuf> {
    let value = environment.get(ELEMENTS_PATH).unwrap_or_default();
    split(value)
        .map(|directory| environment.absolute(directory.as_str()))
        .collect()
}

/// Adds the elements of these directories; they win over those that are there.
///
/// # Errors
/// When one is no directory or can't be listed.
pub(crate) fn add(registry: &mut Registry, directories: &[Utf8PathBuf]) -> Result<(), CliError> {
    for element in dib_script::load_elements_path(directories)? {
        registry.add_over(element);
    }
    Ok(())
}

/// Adds the elements that a spec may name; in its variables the directories are absolute. Those of diskimage-builder are
/// added where nothing of their name is there.
///
/// # Errors
/// When a directory is none or can't be listed.
pub(crate) fn add_of_spec(registry: &mut Registry, spec: &ImageSpec) -> Result<(), CliError> {
    let of_spec = |name: &str| spec.variables.get(name).map(String::as_str);
    let directories: Vec<_> = split(of_spec(ELEMENTS_PATH).unwrap_or_default())
        .map(Utf8Path::to_owned)
        .collect();
    add(registry, &directories)?;
    add_where_missing(registry, upstream_elements(of_spec))
}

/// Adds the elements of a directory whose names are not taken.
pub(crate) fn add_where_missing(
    registry: &mut Registry,
    directory: Option<Utf8PathBuf>,
) -> Result<(), CliError> {
    let Some(directory) = directory else {
        return Ok(());
    };
    for element in dib_script::load_elements_path(&[directory])? {
        if registry.get(element.name().as_str()).is_none() {
            registry.add_over(element);
        }
    }
    Ok(())
}

/// Finds the elements of diskimage-builder: where the user says, or where the Python of a directory on `PATH` has it installed.
pub(crate) fn upstream_elements<'v>(variable: impl Fn(&str) -> Option<&'v str>) -> Option<Utf8PathBuf> {
    if let Some(given) = variable(UPSTREAM_ELEMENTS) {
        return (!given.is_empty()).then(|| given.into());
    }
    let path = variable("PATH")?;
    path.split(':')
        .filter(|directory| !directory.is_empty())
        .find_map(|directory| {
            let libraries = Utf8Path::new(directory).parent()?.join("lib");
            let mut pythons: Vec<_> = libraries
                .read_dir_utf8()
                .ok()?
                .flatten()
                .filter(|entry| entry.file_name().starts_with("python3"))
                .map(|entry| entry.path().to_owned())
                .collect();
            pythons.sort();
            pythons
                .iter()
                .flat_map(|python| ["site-packages", "dist-packages"].map(|packages| python.join(packages)))
                .map(|packages| packages.join("diskimage_builder/elements"))
                .find(|elements| elements.is_dir())
        })
}

/// Adds the elements that a spec may name, and lets the spec know what their files in `environment.d` say.
///
/// # Errors
/// When a directory is none or can't be listed, or when the elements don't fit together.
pub(crate) fn complete(registry: &mut Registry, spec: &mut ImageSpec) -> Result<(), CliError> {
    add_of_spec(registry, spec)?;
    let elements = Plan::elements_of(registry, spec)?;
    let directories: Vec<_> = elements
        .iter()
        .filter_map(|planned| planned.element.directory())
        .collect();
    if directories.is_empty() {
        return Ok(());
    }
    let known = Plan::variables_of(registry, spec)?.environment();
    match environment_files::evaluate(&directories, &known)? {
        Ok(environment) => spec.element_environment = environment,
        // A file may need what only a build has; then it is read again, and what is wrong with it shows.
        Err(error) => {
            let _ = writeln!(
                Stream::Stderr.writer(),
                "warning: the plan is made without the files of environment.d: {error}"
            );
        }
    }
    Ok(())
}

fn split(value: &str) -> impl Iterator<Item = &Utf8Path> {
    value
        .split(':')
        .filter(|directory| !directory.is_empty())
        .map(Utf8Path::new)
}

#[cfg(test)]
mod tests {
    use dib_core::Element;

    use super::*;

    #[test]
    fn directories_become_absolute_and_empty_ones_are_none() {
        let environment = Environment::of(&[(ELEMENTS_PATH, ":my/elements::/opt/elements:")]);
        assert_eq!(directories_of(&environment), ["/my/elements", "/opt/elements"]);
        assert!(directories_of(&Environment::of(&[])).is_empty());
    }

    #[test]
    fn a_directory_takes_the_place_of_a_built_in() {
        let parent = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(parent.path()).unwrap();
        std::fs::create_dir(path.join("dpkg")).unwrap();
        let mut registry = Registry::new();
        registry.add(Element::new("dpkg")).unwrap();
        let mut spec = ImageSpec::of_elements(&["dpkg"]);
        spec.variables.insert(ELEMENTS_PATH.to_owned(), path.to_string());
        add_of_spec(&mut registry, &spec).unwrap();
        assert!(registry.is_overriding("dpkg"));
    }

    #[test]
    fn what_is_no_directory_is_an_error() {
        let error = add(&mut Registry::new(), &["/does/not/exist".into()]).unwrap_err();
        assert_eq!(
            error.render(),
            "error: /does/not/exist, on ELEMENTS_PATH, is not a directory\n"
        );
        assert_eq!(error.kind(), crate::ErrorKind::MissingInput);
    }
}
