//! `element-info`: which elements a build has, for people and for shells.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Element, Plan, Registry};
use dib_sys::command::quote;

use crate::arguments::{ElementInfoArguments, ImageOptions};
use crate::environment::Environment;
use crate::error::CliError;
use crate::image_spec::spec_from;
use crate::{elements_path, stdout};

/// Prints the elements.
///
/// # Errors
/// When they make no build.
pub(super) fn run(
    arguments: &ElementInfoArguments,
    mut registry: Registry,
    environment: &Environment,
) -> Result<(), CliError> {
    let options = ImageOptions {
        elements: arguments.elements.clone(),
        no_base: true,
        ..ImageOptions::default()
    };
    let spec = spec_from(&options, environment, &[])?;
    elements_path::add(&mut registry, &elements_path::directories_of(environment))?;
    let upstream = elements_path::upstream_elements(|name| environment.get(name));
    elements_path::add_where_missing(&mut registry, upstream)?;
    let elements = Plan::elements_of(&registry, &spec)?;
    let build = environment.get("TMP_BUILD_DIR").map(Utf8Path::new);
    let elements: Vec<_> = elements
        .iter()
        .map(|planned| {
            (
                planned.element.name().as_str(),
                directory_of(planned.element, build),
            )
        })
        .collect();
    if arguments.env {
        stdout::print(&for_shells(&elements))
    } else {
        stdout::print(&format!("{}\n", names(&elements)))
    }
}

/// Returns an element's directory. Those of the program have one in builds alone, which make it.
fn directory_of(element: &Element, build: Option<&Utf8Path>) -> Option<Utf8PathBuf> {
    let in_build = || {
        let directory = build?.join("elements").join(element.name().as_str());
        directory.is_dir().then_some(directory)
    };
    element.directory().map(Utf8Path::to_owned).or_else(in_build)
}

fn names(elements: &[(&str, Option<Utf8PathBuf>)]) -> String {
    let names: Vec<_> = elements.iter().map(|(name, _)| *name).collect();
    names.join(" ")
}

/// Returns what a shell evaluates to know the elements and, of those that have one, their directories.
fn for_shells(elements: &[(&str, Option<Utf8PathBuf>)]) -> String {
    let (mut yaml, mut array) = (String::new(), Vec::new());
    for (name, directory) in elements {
        if let Some(directory) = directory {
            writeln!(yaml, "{}: {}", yaml_text(name), yaml_text(directory.as_str()))
                .expect("a String takes all text");
            array.push(format!("[{name}]={}", quote(directory.as_str())));
        }
    }
    if yaml.is_empty() {
        // Nothing would not be a mapping.
        yaml.push_str("{}\n");
    }
    format!(
        "export IMAGE_ELEMENT={}\nexport IMAGE_ELEMENT_YAML={}\nget_image_element_array() {{\n    echo {}\n}}\nexport -f \
         get_image_element_array\n",
        quote(&names(elements)),
        quote(&yaml),
        quote(&array.join(" ")),
    )
}

/// Writes a text as YAML: as it is where that can be nothing else, else in quotes.
fn yaml_text(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+".contains(&byte);
    let begins_as_path = text.starts_with('/');
    let is_word = text.contains('-') && text.starts_with(|first: char| first.is_ascii_alphabetic());
    if text.bytes().all(is_plain) && (begins_as_path || is_word) {
        text.to_owned()
    } else {
        serde_json::to_string(text).expect("a text can be written as JSON, and YAML has that in it")
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_knows_the_elements_and_their_directories() {
        let elements = [
            ("base", None),
            ("my-vm", Some("/opt/my elements/my-vm".into())),
            ("yes", Some("/opt/it's/yes".into())),
        ];
        let script = format!(
            "{}\nprintf '%s|' \"$IMAGE_ELEMENT\" \"$IMAGE_ELEMENT_YAML\"\neval declare -A a=(\"$(get_image_element_array)\")\n\
             printf '%s|' \"${{a[my-vm]}}\" \"${{a[yes]}}\" \"${{#a[@]}}\"",
            for_shells(&elements)
        );
        let output = Command::new("bash").args(["-euc", &script]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "base my-vm yes|my-vm: \"/opt/my elements/my-vm\"\n\"yes\": \"/opt/it's/yes\"\n|/opt/my elements/my-vm|/opt/it's/yes|2|",
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
