//! Which hooks ran, and in which order.

use std::collections::BTreeSet;
use std::fs;

use camino::Utf8Path;

use crate::compat::allowed::Difference;
use crate::report;
use crate::task_error::TaskError;

/// Reads phases and hooks from diskimage-builder's log, where its `dib-run-parts` says what it runs.
pub(super) fn of_upstream(log: &Utf8Path) -> Result<Vec<(String, String)>, TaskError> {
    let bytes = fs::read(log).map_err(TaskError::file("read", log))?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

fn parse(log: &str) -> Vec<(String, String)> {
    log.lines()
        .filter_map(|line| {
            let (_, path) = line.split_once("dib-run-parts Running ")?;
            let (directory, hook) = path.trim().rsplit_once('/')?;
            let phase = directory.rsplit('/').next()?.strip_suffix(".d")?;
            Some((phase.to_owned(), hook.to_owned()))
        })
        .collect()
}

/// Reads phases and hooks from the report that dib leaves beside its image.
pub(super) fn of_dib(base: &Utf8Path) -> Result<Vec<(String, String)>, TaskError> {
    let report = report::of_build(base)?;
    let hooks = report.phases.iter().flat_map(|phase| {
        let hooks = phase.hooks.iter();
        hooks.map(|hook| (phase.phase.clone(), hook.hook.clone()))
    });
    Ok(hooks.collect())
}

/// Says which hooks ran in one build alone, and where the order of those that both ran is not the same.
pub(super) fn differences(theirs: &[(String, String)], ours: &[(String, String)]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (in_theirs, in_ours): (BTreeSet<_>, BTreeSet<_>) = (theirs.iter().collect(), ours.iter().collect());
    for (phase, hook) in in_theirs.symmetric_difference(&in_ours) {
        let whose = if ours.contains(&(phase.clone(), hook.clone())) {
            "ours"
        } else {
            "theirs"
        };
        differences.push(Difference::new(format!("hook/{phase}/{hook}"), whose, ""));
    }
    let theirs = theirs.iter().filter(|hook| in_ours.contains(hook));
    let ours = ours.iter().filter(|hook| in_theirs.contains(hook));
    if let Some((their, our)) = theirs.zip(ours).find(|(their, our)| their != our) {
        let detail = format!("{} where dib runs {}", their.1, our.1);
        differences.push(Difference::new(
            format!("hook/{}/{}", their.0, their.1),
            "order",
            detail,
        ));
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_are_read_from_a_log_and_compared() {
        let theirs = parse(
            "2026 | dib-run-parts Running /t/hooks/root.d/01-a\nother\ndib-run-parts Running /t/hooks/root.d/02-b\n\
             x dib-run-parts Running /tmp/in_target.d/pre-install.d/03-c\n",
        );
        let hook = |phase: &str, name: &str| (phase.to_owned(), name.to_owned());
        assert_eq!(
            theirs,
            [
                hook("root", "01-a"),
                hook("root", "02-b"),
                hook("pre-install", "03-c")
            ]
        );
        let ours = [
            hook("root", "02-b"),
            hook("root", "01-a"),
            hook("cleanup", "04-d"),
        ];
        let found = differences(&theirs, &ours);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|difference| (difference.subject.as_str(), difference.aspect.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("hook/cleanup/04-d", "ours"),
                ("hook/pre-install/03-c", "theirs"),
                ("hook/root/01-a", "order")
            ]
        );
    }
}
