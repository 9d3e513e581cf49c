//! Why two layers of one unit are not the same layer.

use serde::Serialize;

use super::Details;
use super::chain::{self, BEFORE};
use super::last_time::change_of_part;
use crate::LayerDescription;

/// Something that a unit looked at in two builds and did not find the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputChange {
    /// What it is, such as `the variable DIB_RELEASE` or `dib itself`.
    pub input: String,
    /// What it was in the first; its digest where that is long, `None` where it was not there.
    pub old: Option<String>,
    /// What it was in the second.
    pub new: Option<String>,
    /// All of it in words.
    #[serde(skip)]
    pub words: String,
}

/// Returns what was not the same among what two layers of one unit hang on. Where that is nothing, what came before the unit was
/// not the same.
#[must_use]
pub fn input_changes(old: &LayerDescription, new: &LayerDescription) -> Vec<InputChange> {
    let details = |description: &LayerDescription| {
        serde_json::from_value::<Details>(description.details.clone()).unwrap_or_default()
    };
    let (old, new) = (details(old), details(new));
    let found = old.found.iter().filter_map(|(source, old)| {
        let (_, new) = new.found.iter().find(|(other, _)| other == source)?;
        (old != new).then(|| InputChange {
            input: chain::shown(source),
            old: old.clone(),
            new: new.clone(),
            words: chain::change(source, old.as_deref(), new.as_deref()),
        })
    });
    let parts = old.base.iter().filter_map(|(name, old)| {
        let (_, new) = new.base.iter().find(|(other, _)| other == name)?;
        (old != new && name != BEFORE).then(|| InputChange {
            input: name.clone(),
            old: Some(old.clone()),
            new: Some(new.clone()),
            words: change_of_part(name, old, new),
        })
    });
    found.chain(parts).collect()
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
    fn what_the_unit_started_from_is_compared() {
        let of = |program: &str, before: &str| {
            let details = Details {
                base: [("dib itself", program), (BEFORE, before)]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                ..Details::default()
            };
            LayerDescription {
                details: serde_json::to_value(details).unwrap(),
                ..LayerDescription::default()
            }
        };
        let changes = input_changes(&of("one", "a"), &of("two", "b"));
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].words, "dib itself is two and was one");
        assert_eq!(input_changes(&of("one", "a"), &of("one", "b")), []);
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
