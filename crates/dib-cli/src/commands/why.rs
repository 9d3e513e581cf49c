//! `dib why`: which hook wrote a file of an image last.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::journal::Actor;
use dib_core::{Effect, Entry, ImageType, Phase};
use dib_layers::layered_build::UsedLayer;
use serde::Deserialize;

use crate::arguments::WhyArguments;
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::{image_spec, layers, stdout};

/// What `dib why` reads of a build's report.
#[derive(Deserialize)]
struct Report {
    journal: Vec<Entry>,
    #[serde(default)]
    layers: Vec<UsedLayer>,
}

/// Says which hook wrote a path last.
///
/// # Errors
/// When the build's report or a layer can't be read, or when nobody is known to have written it.
pub(super) fn run(arguments: &WhyArguments, environment: &Environment) -> Result<(), CliError> {
    let path = format!("/{}", arguments.path.trim_matches('/'));
    let report = report_of(&environment.absolute(arguments.image.as_str()))?;
    // What comes after the layers comes after all that is in them.
    if let Some(said) = in_journal(&report.journal, &path, is_after_layers) {
        return stdout::print(&said);
    }
    let cache = image_spec::image_cache(arguments.image_cache.as_deref(), environment)?;
    if let Some(said) = in_layers(&report.layers, &path, &cache)? {
        return stdout::print(&said);
    }
    if let Some(said) = in_journal(&report.journal, &path, |_| true) {
        return stdout::print(&said);
    }
    let error = CliError::new(ErrorKind::MissingInput, format!("nothing is known of {path}"));
    Err(if report.layers.is_empty() {
        error.hint("what commands write shows in images that are built with DIB_LAYERS=1")
    } else {
        error.hint("it is not in the image, or its package's directory is what was written")
    })
}

fn report_of(image: &Utf8Path) -> Result<Report, CliError> {
    let bases = ImageType::ALL
        .iter()
        .filter_map(|kind| image.as_str().strip_suffix(&format!(".{kind}")))
        .chain([image.as_str()]);
    let paths: Vec<Utf8PathBuf> = bases.map(|base| format!("{base}.d/report.json").into()).collect();
    for path in &paths {
        match fs::read(path) {
            Ok(bytes) => {
                return serde_json::from_slice(&bytes).map_err(|error| {
                    CliError::new(ErrorKind::BadData, error).hint(format!("{path} is no report of this dib"))
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(CliError::new(ErrorKind::InputOutput, error)),
        }
    }
    let message = format!("there is no {}", paths[0]);
    Err(CliError::new(ErrorKind::MissingInput, message).hint("a build leaves it beside its image"))
}

/// Returns whether an entry is of the time after the layers.
fn is_after_layers(entry: &Entry) -> bool {
    match &entry.actor {
        Actor::Hook { phase, .. } => *phase > Phase::PostRoot,
        Actor::Build { step } => {
            ["write /etc/fstab", "put the resolver file back", "tidy the tree"].contains(&step.as_str())
        }
    }
}

fn in_journal(journal: &[Entry], path: &str, is_looked_at: impl Fn(&Entry) -> bool) -> Option<String> {
    let entry = journal
        .iter()
        .rev()
        .find(|entry| is_looked_at(entry) && touches(&entry.effect, path))?;
    let of = match &entry.actor {
        Actor::Hook { phase, hook, element } => format!("{phase}.d/{hook} of {element}"),
        Actor::Build { step } => format!("dib itself, to {step}"),
    };
    Some(format!("{path}: {of} ({})\n", entry.effect))
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

fn in_layers(used: &[UsedLayer], path: &str, cache: &Utf8Path) -> Result<Option<String>, CliError> {
    if used.is_empty() {
        return Ok(None);
    }
    let failed = |error| CliError::new(ErrorKind::InputOutput, error);
    let Some(store) = layers::store_of(cache)? else {
        return Ok(None);
    };
    for UsedLayer { unit, layer: key } in used.iter().rev() {
        let Some(layer) = store.find(key).map_err(failed)? else {
            let message = format!("the layer of {unit} is gone from {cache}");
            return Err(CliError::new(ErrorKind::MissingInput, message).hint("build the image again"));
        };
        let paths = layer.paths().map_err(failed)?;
        let Some(found) = paths.iter().find(|found| found.path == path) else {
            continue;
        };
        let description = layer.description();
        let what = if found.is_whiteout {
            "removed it"
        } else {
            "wrote it"
        };
        let of = if description.element.is_empty() {
            format!("dib itself, to {unit},")
        } else {
            format!("{unit} of {}", description.element)
        };
        return Ok(Some(format!("{path}: {of} {what}\n")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
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
        assert!(said("/etc/y", is_after_layers).is_some());
        assert!(!is_after_layers(&journal[0]));
    }
}
