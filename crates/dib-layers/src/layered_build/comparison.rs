//! Why two layers of one unit are not the same layer.

use serde::Serialize;

use super::Details;
use super::chain;
use crate::LayerDescription;

/// Something that a unit looked at in two builds and did not find the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputChange {
    /// What it is, such as `the variable DIB_RELEASE`.
    pub input: String,
    /// What it was in the first; its digest where that is long, `None` where it was not there.
    pub old: Option<String>,
    /// What it was in the second.
    pub new: Option<String>,
    /// All of it in words.
    #[serde(skip)]
    pub words: String,
}

/// Returns what was not the same among what both layers' units looked at. Of two layers of one unit without such a change, the
/// units before them differ, or dib itself, or what the element says that its hook depends on.
#[must_use]
pub fn input_changes(old: &LayerDescription, new: &LayerDescription) -> Vec<InputChange> {
    let found = |description: &LayerDescription| {
        serde_json::from_value::<Details>(description.details.clone())
            .map(|details| details.found)
            .unwrap_or_default()
    };
    let (old, new) = (found(old), found(new));
    let both = old.iter().filter_map(|(source, old)| {
        let (_, new) = new.iter().find(|(other, _)| other == source)?;
        (old != new).then(|| InputChange {
            input: chain::shown(source),
            old: old.clone(),
            new: new.clone(),
            words: chain::change(source, old.as_deref(), new.as_deref()),
        })
    });
    both.collect()
}

#[cfg(test)]
mod tests {
    use dib_core::Source;

    use super::*;

    fn description(found: &[(&str, Option<&str>)]) -> LayerDescription {
        let found = found.iter().map(|(name, value)| {
            let source = Source::Variable((*name).to_owned());
            (source, value.map(str::to_owned))
        });
        let details = Details {
            found: found.collect(),
            ..Details::default()
        };
        LayerDescription {
            details: serde_json::to_value(details).unwrap(),
            ..LayerDescription::default()
        }
    }

    #[test]
    fn what_both_looked_at_is_compared() {
        let old = description(&[("A", Some("1")), ("B", Some("1")), ("C", None), ("D", Some("1"))]);
        let new = description(&[
            ("A", Some("1")),
            ("B", Some("2")),
            ("C", Some("")),
            ("E", Some("1")),
        ]);
        let words: Vec<_> = input_changes(&old, &new)
            .into_iter()
            .map(|change| change.words)
            .collect();
        assert_eq!(
            words,
            [
                "the variable B is \"2\" and was \"1\"",
                "the variable C is \"\" and was not there",
            ]
        );
        assert_eq!(input_changes(&old, &old), []);
    }
}
