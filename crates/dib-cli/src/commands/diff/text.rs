//! Differences for people.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::files::FileChange;
use super::hooks::HookChange;
use super::packages::PackageChange;
use super::{Change, Compared, Difference};

/// Returns what differs as lines.
pub(super) fn of(difference: &Difference) -> String {
    let mut text = String::new();
    write(&mut text, difference).expect("a String takes all text");
    text
}

fn write(text: &mut String, difference: &Difference) -> fmt::Result {
    section(
        text,
        "packages",
        &difference.packages,
        |change| change.change,
        package,
    )?;
    section(text, "hooks", &difference.hooks, |change| change.change, hooks)?;
    section(text, "files", &difference.files, |change| change.change, files)?;
    for note in &difference.notes {
        writeln!(text, "note: {note}")?;
    }
    Ok(())
}

/// Writes a heading that counts the changes, and the changes.
fn section<C>(
    text: &mut String,
    name: &str,
    compared: &Compared<C>,
    change_of: impl Fn(&C) -> Change,
    write: impl Fn(&mut String, &[C]) -> fmt::Result,
) -> fmt::Result {
    match compared {
        Compared::Unknown(reason) => writeln!(text, "{name}: not known: {reason}"),
        Compared::Changes(changes) if changes.is_empty() => writeln!(text, "{name}: the same"),
        Compared::Changes(changes) => {
            let count = |wanted| {
                changes
                    .iter()
                    .filter(|change| change_of(change) == wanted)
                    .count()
            };
            writeln!(
                text,
                "{name}: {} added, {} removed, {} changed",
                count(Change::Added),
                count(Change::Removed),
                count(Change::Changed)
            )?;
            write(text, changes)
        }
    }
}

fn package(text: &mut String, changes: &[PackageChange]) -> fmt::Result {
    for change in changes {
        let versions: Vec<&str> = change.old.iter().chain(&change.new).map(String::as_str).collect();
        writeln!(
            text,
            "  {} {} {}",
            sign(change.change),
            change.package,
            versions.join(" -> ")
        )?;
    }
    Ok(())
}

fn hooks(text: &mut String, changes: &[HookChange]) -> fmt::Result {
    let mut told = BTreeSet::new();
    let mut others = 0;
    for change in changes {
        let new: Vec<&str> = change
            .inputs
            .iter()
            .map(|input| input.words.as_str())
            .filter(|words| told.insert(*words))
            .collect();
        // Most hooks come after one that differs, and many look at the same things.
        if change.change == Change::Changed && change.reason.is_none() && new.is_empty() {
            others += 1;
            continue;
        }
        write!(text, "  {} {}", sign(change.change), change.hook)?;
        if let Some(element) = &change.element {
            write!(text, " of {element}")?;
        }
        let reasons: Vec<&str> = new.into_iter().chain(change.reason.as_deref()).collect();
        if !reasons.is_empty() {
            write!(text, ": {}", reasons.join("; "))?;
        }
        writeln!(text)?;
    }
    if others > 0 {
        writeln!(
            text,
            "  and {others} that differ by the same, or by what came before them"
        )?;
    }
    Ok(())
}

fn files(text: &mut String, changes: &[FileChange]) -> fmt::Result {
    for change in changes {
        write!(text, "  {} {}", sign(change.change), change.path)?;
        let what: Vec<String> = change
            .what
            .iter()
            .map(|what| {
                if what.old == what.new {
                    what.of.to_owned()
                } else {
                    format!("{} {} -> {}", what.of, what.old, what.new)
                }
            })
            .collect();
        if !what.is_empty() {
            write!(text, ": {}", what.join(", "))?;
        }
        let package = change
            .package
            .as_ref()
            .map(|package| format!("package {package}"));
        let from: Vec<&String> = package.iter().chain(&change.hook).collect();
        match from.as_slice() {
            [] => writeln!(text)?,
            [from] => writeln!(text, "  ({from})")?,
            [package, hook, ..] => writeln!(text, "  ({package}; {hook})")?,
        }
    }
    Ok(())
}

fn sign(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    }
}

#[cfg(test)]
mod tests {
    use dib_layers::layered_build::InputChange;

    use super::super::files::Aspect;
    use super::*;

    fn hook(name: &str, words: &[&str], reason: Option<&str>) -> HookChange {
        let inputs = words.iter().map(|words| InputChange {
            input: String::new(),
            old: None,
            new: None,
            words: (*words).to_owned(),
        });
        HookChange {
            hook: name.to_owned(),
            element: Some("mine".to_owned()),
            change: Change::Changed,
            inputs: inputs.collect(),
            reason: reason.map(str::to_owned),
            follows: words.is_empty() && reason.is_none(),
        }
    }

    #[test]
    fn differences_are_lines() {
        let aspect = |of, old: &str, new: &str| Aspect {
            of,
            old: old.to_owned(),
            new: new.to_owned(),
        };
        let difference = Difference {
            packages: Compared::Changes(vec![PackageChange {
                package: "apt".to_owned(),
                change: Change::Changed,
                old: Some("1".to_owned()),
                new: Some("2".to_owned()),
            }]),
            hooks: Compared::Changes(vec![
                hook("install.d/10-a", &["the variable A is 1 and was 2"], None),
                hook("install.d/20-b", &["the variable A is 1 and was 2"], None),
                hook("install.d/30-c", &[], None),
                hook(
                    "finalise.d/10-d",
                    &[],
                    Some("it did one thing and before another"),
                ),
            ]),
            files: Compared::Changes(vec![FileChange {
                path: "/bin/x".to_owned(),
                change: Change::Changed,
                what: vec![
                    aspect("contents", "3 bytes", "3 bytes"),
                    aspect("mode", "0644", "0755"),
                ],
                hook: Some("install.d/10-a of mine".to_owned()),
                package: Some("x".to_owned()),
            }]),
            notes: vec!["something".to_owned()],
        };
        assert_eq!(
            of(&difference),
            "packages: 0 added, 0 removed, 1 changed
  ~ apt 1 -> 2
hooks: 0 added, 0 removed, 4 changed
  ~ install.d/10-a of mine: the variable A is 1 and was 2
  ~ finalise.d/10-d of mine: it did one thing and before another
  and 2 that differ by the same, or by what came before them
files: 0 added, 0 removed, 1 changed
  ~ /bin/x: contents, mode 0644 -> 0755  (package x; install.d/10-a of mine)
note: something
"
        );
        let nothing = Difference {
            packages: Compared::Unknown("there is none".to_owned()),
            hooks: Compared::Changes(Vec::new()),
            files: Compared::Changes(Vec::new()),
            notes: Vec::new(),
        };
        assert_eq!(
            of(&nothing),
            "packages: not known: there is none\nhooks: the same\nfiles: the same\n"
        );
    }
}
