//! `ELEMENTS_PATH`: the user's own elements, each a directory.

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{ImageSpec, Registry};

use crate::environment::Environment;
use crate::error::CliError;

/// The variable that names the directories, separated by colons, the first to win.
pub(crate) const ELEMENTS_PATH: &str = "ELEMENTS_PATH";

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

/// Adds the elements that a spec may name; in its variables the directories are absolute.
///
/// # Errors
/// When one is no directory or can't be listed.
pub(crate) fn add_of_spec(registry: &mut Registry, spec: &ImageSpec) -> Result<(), CliError> {
    let value = spec
        .variables
        .get(ELEMENTS_PATH)
        .map(String::as_str)
        .unwrap_or_default();
    add(
        registry,
        &split(value).map(Utf8Path::to_owned).collect::<Vec<_>>(),
    )
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
