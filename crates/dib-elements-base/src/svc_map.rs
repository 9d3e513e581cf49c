//! The element `svc-map`: programs in the image know what the distribution calls a service.

use std::fmt::Write as _;

use dib_core::{Element, HookContext, HookError, Phase};

const DIRECTORY: &str = "/usr/share/svc-map";

/// Where the services stand in between the two hooks, for one that has more to say.
const MERGED: &str = "/tmp/svc-map-services";

/// The program `svc-map`, which looks services up there.
const PROGRAM: &str = include_str!("svc_map/svc-map.sh");

/// Words that YAML takes for something other than text.
const OTHER_THAN_TEXT: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Returns the element `svc-map`.
#[must_use]
pub fn element() -> Element {
    Element::new("svc-map")
        .about("Maps names of services to those of the distribution, for scripts in the image")
        .depends_on(&["install-bin"])
        .program("svc-map", PROGRAM)
        .hook(Phase::ExtraData, "10-merge-svc-map-files", merge_svc_map_files)
        .hook(Phase::ExtraData, "11-copy-svc-map-file", copy_svc_map_file)
}

/// Writes what the distribution calls each service that an element names, to `/tmp/svc-map-services`, as YAML.
///
/// # Errors
/// When the file can't be written.
pub fn merge_svc_map_files(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let mut yaml = String::new();
    for (service, called) in ctx.services() {
        writeln!(yaml, "{}: {}", scalar(service), scalar(called)).expect("writing to a string");
    }
    if yaml.is_empty() {
        yaml.push_str("{}\n");
    }
    ctx.create_directory("/tmp")?;
    ctx.write(MERGED, yaml, 0o644)
}

/// Copies that file to `/usr/share/svc-map/services`, where the program `svc-map` looks.
///
/// # Errors
/// When it has gone, or when the copy can't be written.
pub fn copy_svc_map_file(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory(DIRECTORY)?;
    ctx.write(&format!("{DIRECTORY}/services"), ctx.read(MERGED)?, 0o644)
}

/// Returns a text as YAML has it: as it is where it can be taken for nothing else, in quotes otherwise.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "-_.@".contains(character))
        && !OTHER_THAN_TEXT.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        // Single quotes keep everything but themselves and line ends, which no service's name has.
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn texts_stay_texts() {
        for (text, expected) in [
            ("nova-api", "nova-api"),
            ("getty@tty1.service", "getty@tty1.service"),
            ("No", "'No'"),
            ("1e3", "'1e3'"),
            ("a: b", "'a: b'"),
            ("it's", "'it''s'"),
            ("", "''"),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }
}
