//! The key `<<`, whose value is other mappings: their pairs belong to its own mapping as well.
//!
//! Source: the type `merge` of YAML 1.1's repository of types.

use std::collections::HashSet;

use super::{Node, Value};
use crate::error::Misplaced;

const MERGE_KEY: &str = "<<";

/// Returns whether a key is the one.
pub(super) fn is_it(key: &Node) -> bool {
    matches!(&key.value, Value::Text { text, is_quoted: false } if text == MERGE_KEY)
}

/// Puts the pairs of the other mappings before a mapping's own, whose keys are `given`. Its own win, then those of an
/// earlier mapping.
pub(super) fn merge(
    pairs: Vec<(Node, Node)>,
    mut given: HashSet<String>,
) -> Result<Vec<(Node, Node)>, Misplaced> {
    let (others, own): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| is_it(key));
    let mut all = Vec::new();
    for (_, value) in others {
        let mappings = match value.value {
            Value::Sequence(nodes) => nodes,
            _ => vec![value],
        };
        for mapping in mappings {
            let Value::Mapping(pairs) = mapping.value else {
                return Err(mapping.wrong_kind(MERGE_KEY, "a mapping or a list of mappings"));
            };
            for (key, value) in pairs {
                let is_new = match &key.value {
                    Value::Text { text, .. } => given.insert(text.clone()),
                    _ => true,
                };
                if is_new {
                    all.push((key, value));
                }
            }
        }
    }
    all.extend(own);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use crate::document::parse;

    /// Checks the pairs of the last mapping of a document after a first one, `a`.
    fn check(text: &str, expected: &[(&str, &str)]) {
        let document = parse(&format!("a: &a {{x: 1, y: 2}}\n{text}")).unwrap();
        let (_, last) = document.mapping("it").unwrap().last().unwrap();
        let pairs: Vec<_> = last
            .mapping("it")
            .unwrap()
            .iter()
            .map(|(key, value)| (key.text("a key").unwrap(), value.text("a value").unwrap()))
            .collect();
        assert_eq!(pairs, expected, "for {text:?}");
    }

    #[test]
    fn what_is_nearer_wins() {
        check("b: {<<: *a, y: 3, z: 4}\n", &[("x", "1"), ("y", "3"), ("z", "4")]);
        check("b: &b {y: 3}\nc: {<<: [*b, *a]}\n", &[("y", "3"), ("x", "1")]);
        check("b: &b {<<: *a}\nc: {<<: *b, x: 5}\n", &[("y", "2"), ("x", "5")]);
        check("b: {'<<': x}\n", &[("<<", "x")]);
    }

    #[test]
    fn only_mappings_can_be_merged() {
        let fault = parse("a: {<<: [{x: 1}, y]}\n").unwrap_err();
        assert_eq!((fault.place.line, fault.place.column), (1, 18));
        assert_eq!(
            fault.fault.to_string(),
            "<< must be a mapping or a list of mappings, not a text"
        );
    }
}
