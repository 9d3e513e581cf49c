//! What the probe, a hook of every phase, saw in one build.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use camino::Utf8Path;

use crate::compat::allowed::Difference;
use crate::scratch_build;
use crate::task_error::TaskError;

/// A phase's probe in three parts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// The environment.
    environment: BTreeMap<String, String>,
    /// The working directory, the user, the name under which it runs, functions.
    world: BTreeSet<String>,
    /// The directory of hooks: type, mode and target of every path.
    hooks: BTreeMap<String, String>,
}

/// What was seen in each phase.
pub(super) type Probes = BTreeMap<String, Seen>;

/// Reads what the probes have written into directories.
///
/// `replaced` are texts that differ from build to build, such as paths of temporary directories, and what stands for them.
pub(super) fn read(directories: &[&Utf8Path], replaced: &[(String, &str)]) -> Result<Probes, TaskError> {
    let mut probes = Probes::new();
    for directory in directories {
        for name in scratch_build::names_in(directory)? {
            let Some((phase, part)) = name.rsplit_once('.') else {
                continue;
            };
            let path = directory.join(&name);
            let bytes = fs::read(&path).map_err(TaskError::file("read", &path))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let seen = probes.entry(phase.to_owned()).or_default();
            match part {
                "environment" => seen.environment = environment(&text, replaced),
                "world" => seen.world = lines(&text, replaced).collect(),
                "hooks" => {
                    seen.hooks = lines(&text, replaced)
                        .map(|line| {
                            let (path, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
                            (path.to_owned(), rest.trim().to_owned())
                        })
                        .collect();
                }
                _ => {}
            }
        }
    }
    Ok(probes)
}

/// The elements that a build consisted of, as its hooks were told.
pub(super) fn elements(probes: &Probes) -> Vec<String> {
    let list = probes
        .get("root")
        .and_then(|seen| seen.environment.get("IMAGE_ELEMENT"));
    list.map(|list| list.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default()
}

/// A variable that the first probe, outside of the target, saw.
pub(super) fn variable(directory: &Utf8Path, name: &str) -> Option<String> {
    let text = fs::read(directory.join("root.environment")).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    environment(&text, &[]).remove(name)
}

fn environment(text: &str, replaced: &[(String, &str)]) -> BTreeMap<String, String> {
    text.split_terminator('\0')
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (name.to_owned(), settled(name, replace(value, replaced))))
        .collect()
}

/// Takes out of a value what is a matter of chance with upstream: the order of elements, the number of a loop device, and what
/// is written otherwise but means the same.
fn settled(name: &str, value: String) -> String {
    match name {
        "IMAGE_ELEMENT" | "BASH_FUNC_get_image_element_array%%" => {
            let mut words: Vec<&str> = value
                .split(|letter: char| letter.is_whitespace() || letter == '"')
                .collect();
            words.sort_unstable();
            words.join(" ")
        }
        "IMAGE_BLOCK_DEVICE" | "IMAGE_BLOCK_DEVICES" => {
            value.replace(|letter: char| letter.is_ascii_digit(), "N")
        }
        // Both are the same YAML.
        "IMAGE_ELEMENT_YAML" => value.replace('"', ""),
        // The first is where dib's stand-ins for sudo and others are.
        "PATH" => value.strip_prefix("@BUILD@/bin:").unwrap_or(&value).to_owned(),
        _ => value,
    }
}

fn lines<'text>(text: &'text str, replaced: &'text [(String, &str)]) -> impl Iterator<Item = String> + 'text {
    text.lines().map(|line| replace(line, replaced))
}

fn replace(text: &str, replaced: &[(String, &str)]) -> String {
    replaced.iter().fold(text.to_owned(), |text, (from, to)| {
        text.replace(from.as_str(), to)
    })
}

/// Says what two builds' probes saw otherwise.
pub(super) fn differences(theirs: &Probes, ours: &Probes) -> Vec<Difference> {
    let mut differences = Vec::new();
    let nothing = Seen::default();
    let phases: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for phase in phases {
        let (their, our) = (
            theirs.get(phase).unwrap_or(&nothing),
            ours.get(phase).unwrap_or(&nothing),
        );
        maps(
            "environment",
            phase,
            &their.environment,
            &our.environment,
            &mut differences,
        );
        maps(
            "hooks-directory",
            phase,
            &their.hooks,
            &our.hooks,
            &mut differences,
        );
        for line in their.world.symmetric_difference(&our.world) {
            let whose = if our.world.contains(line) {
                "ours"
            } else {
                "theirs"
            };
            let (subject, detail) = line.split_once(' ').unwrap_or((line, ""));
            differences.push(Difference::new(format!("world/{phase}/{subject}"), whose, detail));
        }
    }
    differences
}

fn maps(
    what: &str,
    phase: &str,
    theirs: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
    differences: &mut Vec<Difference>,
) {
    let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for name in names {
        let (aspect, detail) = match (theirs.get(name), ours.get(name)) {
            (Some(their), None) => ("theirs", their.clone()),
            (None, Some(our)) => ("ours", our.clone()),
            (Some(their), Some(our)) if their != our => ("value", format!("{their:?} and {our:?}")),
            _ => continue,
        };
        differences.push(Difference::new(format!("{what}/{phase}/{name}"), aspect, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_probes_saw_is_compared() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let make = |name: &str, environment: &str, world: &str, hooks: &str| {
            let path = path.join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("post-root.environment"), environment).unwrap();
            fs::write(path.join("post-root.world"), world).unwrap();
            fs::write(path.join("post-root.hooks"), hooks).unwrap();
            read(&[&path], &[("/tmp/abc".to_owned(), "@BUILD@")]).unwrap()
        };
        let theirs = make(
            "theirs",
            "A=1\0B=/tmp/abc/x\ny\0C=1\0",
            "umask 0022\nuser 0:0\n",
            "root.d d 755 \n",
        );
        let ours = make(
            "ours",
            "A=1\0B=@BUILD@/x\ny\0D=2\0",
            "umask 0002\nuser 0:0\n",
            "root.d d 700 \n",
        );
        let found: Vec<String> = differences(&theirs, &ours)
            .into_iter()
            .map(|difference| {
                format!(
                    "{} {} {}",
                    difference.subject, difference.aspect, difference.detail
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "environment/post-root/C theirs 1",
                "environment/post-root/D ours 2",
                "hooks-directory/post-root/root.d value \"d 755\" and \"d 700\"",
                "world/post-root/umask ours 0002",
                "world/post-root/umask theirs 0022",
            ]
        );
    }
}
