//! What was found, as a page.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::compat::sets::SETS;
use crate::upstream;

/// What is known of a set in the end.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) set: &'static str,
    /// All of its elements, those that others needed too.
    pub(super) elements: Vec<String>,
    /// Whether there was no difference without a reason.
    pub(super) same: bool,
    /// The reasons of differences that may be.
    pub(super) reasons: BTreeSet<String>,
}

/// Writes the page.
pub(super) fn page(
    all_elements: &[String],
    outcomes: &[Outcome],
    not_built: &BTreeMap<String, String>,
) -> String {
    let mut page = format!(
        "# Elements of diskimage-builder {}\n\n\
         Written by `cargo xtask compat`, which builds sets of upstream's own element directories, unmodified, with upstream's\n\
         `disk-image-create` and with ours, on the same machine and from the same archive, and compares the hooks that ran and\n\
         their order, what a probe in every phase saw (environment, functions, directory, user, hooks' directory), and the\n\
         resulting tree: paths, kinds, owners, modes, links, contents, attributes, but not\n\
         times. Each difference that may be stands with its\n\
         reason in `xtask/compat/allowed`, and each element that is not built in `xtask/compat/not-built`.\n\n",
        upstream::VERSION
    );
    let same = |element: &String| {
        let mut sets = outcomes
            .iter()
            .filter(|outcome| outcome.elements.contains(element));
        sets.any(|outcome| outcome.same)
    };
    let count = all_elements.iter().filter(|element| same(element)).count();
    writeln!(
        page,
        "{count} of {} elements run here with upstream and with ours and leave the same tree; the others are named with what\n\
         they need.\n\n| element | runs | same tree | in the sets, or why not |\n|---|---|---|---|",
        all_elements.len()
    )
    .expect("a string takes all");
    for element in all_elements {
        let sets: Vec<&str> = outcomes
            .iter()
            .filter(|outcome| outcome.elements.contains(element))
            .map(|outcome| outcome.set)
            .collect();
        let (runs, tree, why) = if sets.is_empty() {
            let reason = not_built.get(element).map_or("", String::as_str);
            ("no", "", reason.to_owned())
        } else {
            ("yes", if same(element) { "yes" } else { "no" }, sets.join(", "))
        };
        writeln!(page, "| {element} | {runs} | {tree} | {why} |").expect("a string takes all");
    }
    page.push_str("\n## Sets\n\n| set | elements that are named | dib runs as |\n|---|---|---|\n");
    for set in SETS {
        let who = if set.by_a_user { "an ordinary user" } else { "root" };
        let options = set.options_of_dib.iter().map(|option| format!(", `{option}`"));
        let (elements, options) = (set.elements.join(", "), options.collect::<String>());
        writeln!(page, "| {} | {elements} | {who}{options} |", set.name).expect("a string takes all");
    }
    page.push_str("\n## Differences that may be\n\n| why | sets |\n|---|---|\n");
    let reasons: BTreeSet<&String> = outcomes.iter().flat_map(|outcome| &outcome.reasons).collect();
    for reason in reasons {
        let sets = outcomes.iter().filter(|outcome| outcome.reasons.contains(reason));
        let sets: Vec<&str> = sets.map(|outcome| outcome.set).collect();
        let sets = if sets.len() == outcomes.len() {
            "all".to_owned()
        } else {
            sets.join(", ")
        };
        writeln!(page, "| {reason} | {sets} |").expect("a string takes all");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_has_a_row() {
        let outcome = Outcome {
            set: "quick",
            elements: vec!["a".to_owned(), "b".to_owned()],
            same: true,
            reasons: BTreeSet::from(["times".to_owned()]),
        };
        let not_built = BTreeMap::from([("c".to_owned(), "needs a moon".to_owned())]);
        let all = ["a", "b", "c"].map(str::to_owned);
        let page = page(&all, &[outcome], &not_built);
        assert!(page.contains("\n2 of 3 elements run"), "{page}");
        assert!(page.contains("| a | yes | yes | quick |\n"), "{page}");
        assert!(page.contains("| c | no |  | needs a moon |\n"), "{page}");
        assert!(page.contains("| times | all |\n"), "{page}");
    }
}
