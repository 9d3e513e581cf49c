//! `dib why`: which hook wrote a file of an image last.

use camino::Utf8Path;
use dib_core::{Effect, Entry};

use crate::arguments::WhyArguments;
use crate::built_image::{BuiltImage, name_of, name_of_layer};
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::{image_spec, stdout};

/// Says which hook wrote a path last.
///
/// # Errors
/// When the build's report or a layer can't be read, or when nobody is known to have written it.
pub(super) fn run(arguments: &WhyArguments, environment: &Environment) -> Result<(), CliError> {
    let path = format!("/{}", arguments.path.trim_matches('/'));
    let image = BuiltImage::open(&environment.absolute(arguments.image.as_str()))?;
    // What is in no layer comes after all that is in them.
    let outside = |entry: &Entry| image.is_outside_layers(entry);
    if let Some(said) = in_journal(image.journal(), &path, outside) {
        return stdout::print(&said);
    }
    let cache = image_spec::image_cache(arguments.image_cache.as_deref(), environment)?;
    if let Some(said) = in_layers(&image, &path, &cache)? {
        return stdout::print(&said);
    }
    if let Some(said) = in_journal(image.journal(), &path, |_| true) {
        return stdout::print(&said);
    }
    let error = CliError::new(ErrorKind::MissingInput, format!("nothing is known of {path}"));
    Err(if image.used().is_empty() {
        error.hint("what commands write shows in images that are built without --no-layers")
    } else {
        error.hint("it is not in the image, or its package's directory is what was written")
    })
}

fn in_journal(journal: &[Entry], path: &str, is_looked_at: impl Fn(&Entry) -> bool) -> Option<String> {
    let entry = journal
        .iter()
        .rev()
        .find(|entry| is_looked_at(entry) && touches(&entry.effect, path))?;
    Some(format!("{path}: {} ({})\n", name_of(&entry.actor), entry.effect))
}

fn touches(effect: &Effect, wanted: &str) -> bool {
    match effect {
        Effect::Write { path, .. }
        | Effect::CreateDirectory { path }
        | Effect::Remove { path }
        | Effect::Symlink { path, .. }
        | Effect::Truncate { path } => path == wanted,
        Effect::Rename { from, to } => from == wanted || to == wanted,
        _ => false,
    }
}

fn in_layers(image: &BuiltImage, path: &str, cache: &Utf8Path) -> Result<Option<String>, CliError> {
    for layer in image.layers(cache)?.rev() {
        let (unit, layer) = layer?;
        let paths = layer
            .paths()
            .map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
        let Some(found) = paths.iter().find(|found| found.path == path) else {
            continue;
        };
        let what = if found.is_whiteout {
            "removed it"
        } else {
            "wrote it"
        };
        let of = name_of_layer(unit, layer.description());
        // Of dib itself there is more to say than a name.
        let comma = if layer.description().element.is_empty() {
            ","
        } else {
            ""
        };
        return Ok(Some(format!("{path}: {of}{comma} {what}\n")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use dib_core::Phase;
    use dib_core::journal::Actor;

    use super::*;

    #[test]
    fn the_last_who_touched_a_path_is_named() {
        let entry = |phase, hook: &str, effect| Entry {
            actor: Actor::Hook {
                phase,
                hook: hook.to_owned(),
                element: "mine".parse().unwrap(),
            },
            effect,
        };
        let write = |path: &str| Effect::Write {
            path: path.to_owned(),
            mode: 0o644,
            bytes: 1,
        };
        let journal = [
            entry(Phase::Install, "10-a", write("/etc/x")),
            entry(Phase::Finalise, "20-b", write("/etc/y")),
            entry(Phase::Finalise, "30-c", write("/etc/x")),
        ];
        let said = |path, after: fn(&Entry) -> bool| in_journal(&journal, path, after);
        assert_eq!(
            said("/etc/x", |_| true).as_deref(),
            Some("/etc/x: finalise.d/30-c of mine (write /etc/x 0644 (1 bytes))\n")
        );
        assert_eq!(said("/etc/z", |_| true), None);
        assert_eq!(said("/etc/x", |_| false), None);
    }
}
