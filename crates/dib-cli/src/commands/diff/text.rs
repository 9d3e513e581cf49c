//! Differences for people.

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
    for change in changes.iter().filter(|change| !change.follows) {
        write!(text, "  {} {}", sign(change.change), change.hook)?;
        if let Some(element) = &change.element {
            write!(text, " of {element}")?;
        }
        let inputs = change.inputs.iter().map(|input| input.words.as_str());
        let reasons: Vec<&str> = inputs.chain(change.reason.as_deref()).collect();
        if !reasons.is_empty() {
            write!(text, ": {}", reasons.join("; "))?;
        }
        writeln!(text)?;
    }
    let follow = changes.iter().filter(|change| change.follows).count();
    if follow > 0 {
        writeln!(text, "  and {follow} that differ in what came before them alone")?;
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
