//! What layers are found by.

use std::collections::{BTreeMap, BTreeSet};

use dib_core::{Found, HookContext, HookError, Source, Unit};
use sha2::{Digest as _, Sha256};

use crate::LayerKey;

/// The version of what layers are made of: another one finds none of the others'.
const FORMAT: &str = "dib layers 2";

/// A digest of everything up to a point.
pub(super) type Digest = LayerKey;

/// What a unit starts from.
#[derive(Debug, Clone)]
pub(super) struct Base {
    /// The digest of all before it, of what it is, and of what its element says.
    pub(super) digest: Digest,
    /// What went into it besides what the unit is called, each with a name for people.
    pub(super) parts: Vec<(String, String)>,
}

/// What the units before one are called among the parts of its base.
pub(super) const BEFORE: &str = "what comes before it";

/// Returns a unit's base.
pub(super) fn base_of(
    chain: &Digest,
    program: &Digest,
    unit: Unit<'_>,
    ctx: &HookContext<'_>,
) -> Result<Base, HookError> {
    let mut parts = vec![
        (BEFORE.to_owned(), chain.to_string()),
        ("dib itself".to_owned(), program.to_string()),
        ("the architecture".to_owned(), ctx.arch().name().to_owned()),
        (
            "what is in environment.d".to_owned(),
            ctx.digest_of_environment_files(),
        ),
    ];
    let mut hasher = Sha256::new();
    add(&mut hasher, FORMAT.as_bytes());
    add(&mut hasher, name_of(unit).as_bytes());
    if let Unit::Hook(hook) = unit {
        add(&mut hasher, hook.element.as_str().as_bytes());
        parts.extend(ctx.inputs_of(hook)?);
    }
    for (name, value) in &parts {
        add(&mut hasher, name.as_bytes());
        add(&mut hasher, value.as_bytes());
    }
    Ok(Base {
        digest: finished(hasher),
        parts,
    })
}

/// Returns the key of a layer whose unit found this.
pub(super) fn key_of(base: &Digest, found: &[(Source, Option<String>)]) -> Digest {
    let mut hasher = Sha256::new();
    add(&mut hasher, base.as_bytes());
    add(
        &mut hasher,
        &serde_json::to_vec(found).expect("sources and texts are JSON"),
    );
    finished(hasher)
}

/// Adds a field, such that no two lists of fields are the same bytes.
fn add(hasher: &mut Sha256, field: &[u8]) {
    hasher.update((field.len() as u64).to_le_bytes());
    hasher.update(field);
}

pub(super) fn finished(hasher: Sha256) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hasher.finalize().as_slice());
    bytes.into()
}

/// Returns what a unit is called.
pub(super) fn name_of(unit: Unit<'_>) -> String {
    match unit {
        Unit::Hook(hook) => format!("{}.d/{}", hook.phase, hook.name),
        Unit::Step(step) => step.to_owned(),
    }
}

/// Returns what can't be known again among what a unit found.
pub(super) fn unknown(found: &Found) -> Option<&str> {
    found.keys().find_map(|source| match source {
        Source::Unknown(what) => Some(what.as_str()),
        _ => None,
    })
}

/// Returns where a unit has looked, in words.
pub(super) fn shown(source: &Source) -> String {
    match source {
        Source::Variable(name) => format!("the variable {name}"),
        Source::HostFile(path) => format!("the file {path}"),
        Source::HostFiles(path) => format!("the files in {path}"),
        Source::Script(inside) => format!("the script {inside}"),
        Source::HooksDirectory => "what lies beside the hooks".to_owned(),
        Source::Environment(_) => "the environment".to_owned(),
        Source::Plan(part) => format!("the plan's {part:?}").to_lowercase(),
        Source::Named(name) | Source::Unknown(name) => name.clone(),
    }
}

/// Says what has changed.
pub(super) fn change(source: &Source, old: Option<&str>, new: Option<&str>) -> String {
    if let (Source::Environment(_), Some(old), Some(new)) = (source, old, new) {
        return changed_variable(old, new);
    }
    let shown_value = |value: Option<&str>| match (source, value) {
        (_, None) => "not there".to_owned(),
        (Source::Variable(_), Some(value)) => format!("{value:?}"),
        (_, Some(digest)) => digest.chars().take(12).collect(),
    };
    format!(
        "{} is {} and was {}",
        shown(source),
        shown_value(new),
        shown_value(old)
    )
}

/// Says which variable of an environment, a line for each, is the first to be another one.
fn changed_variable(old: &str, new: &str) -> String {
    let variables = |text: &str| -> BTreeMap<String, String> {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let (old, new) = (variables(old), variables(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let shown = |value: Option<&String>| value.map_or("not there", String::as_str).to_owned();
    names
        .into_iter()
        .find(|name| old.get(*name) != new.get(*name))
        .map_or_else(
            || "the environment is another".to_owned(),
            |name| {
                let (old, new) = (shown(old.get(name)), shown(new.get(name)));
                format!("the variable {name} is {new} and was {old}")
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_together() {
        let digest = |fields: &[&str]| {
            let mut hasher = Sha256::new();
            for field in fields {
                add(&mut hasher, field.as_bytes());
            }
            finished(hasher)
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }

    #[test]
    fn of_an_environment_the_first_change_is_told() {
        let source = Source::Environment("install.d/50-site".to_owned());
        let told = |old, new| change(&source, Some(old), Some(new));
        assert_eq!(
            told("A=\"1\"\nB=\"2\"\n", "A=\"1\"\nB=\"3\"\n"),
            "the variable B is \"3\" and was \"2\""
        );
        assert_eq!(told("", "A=\"1\"\n"), "the variable A is \"1\" and was not there");
    }

    #[test]
    fn changes_are_told_in_words() {
        let variable = Source::Variable("DIB_RELEASE".to_owned());
        assert_eq!(
            change(&variable, Some("bookworm"), Some("trixie")),
            "the variable DIB_RELEASE is \"trixie\" and was \"bookworm\""
        );
        assert_eq!(
            change(&Source::HostFile("/etc/x".into()), None, Some("0123456789abcdef")),
            "the file /etc/x is 0123456789ab and was not there"
        );
    }
}
