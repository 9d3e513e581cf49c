//! What a build has to run again: the units of its work, and what each declares that it hangs on.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::elements::{Elements, File, OF_SESSION};

/// How many images of one set of elements are kept.
const IMAGES_KEPT: usize = 4;

/// A phase, and the steps that the build takes itself: those before its hooks, and those after them.
type Phase = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The phases whose work is kept.
const KEPT: [Phase; 6] = [
    (
        "root",
        &["read SOURCE_DATE_EPOCH"],
        &[
            "end the phase root",
            "look at the target",
            "put the resolver file aside",
            "mount kernel file systems",
        ],
    ),
    ("extra-data", &[], &["end the phase extra-data"]),
    ("pre-install", &[], &["end the phase pre-install"]),
    ("install", &[], &["end the phase install"]),
    ("post-install", &[], &["end the phase post-install"]),
    ("post-root", &[], &["end the phase post-root", "unmount"]),
];
/// The phases whose hooks are run in each build whose image is not there.
const WATCHED: [Phase; 2] = [("finalise", &[], &[]), ("cleanup", &[], &[])];
/// The phases of which hooks are run on the host, where they can read what variables name.
const ON_HOST: [&str; 4] = ["root", "extra-data", "post-root", "cleanup"];

/// The elements' files, by their elements and their places there.
type Files = BTreeMap<(&'static str, String), File>;

/// What all builds so far have left.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The units whose work is kept, each with all before it.
    known: HashSet<u64>,
    /// What the images came of, those used last first.
    images: Vec<u64>,
}

/// What the next build does.
#[derive(Debug)]
pub(super) struct Expected {
    /// Nothing has changed: the image is there.
    pub(super) is_same_image: bool,
    /// The units whose work can be kept, as the console names them.
    pub(super) kept: Vec<String>,
    /// How many of these are known; the rest runs.
    pub(super) reused: usize,
    /// The hooks that are run in each build.
    pub(super) watched: Vec<String>,
}

/// A unit of work, and what it hangs on beside what comes before it.
#[derive(Hash)]
struct Unit {
    name: String,
    inputs: Vec<String>,
}

impl Model {
    /// Returns what a build of these elements has to do, and remembers what it leaves.
    pub(super) fn build(&mut self, elements: &Elements) -> Expected {
        let kept = units(elements, &KEPT);
        let watched = units(elements, &WATCHED);
        let mut chain = 0;
        let mut chains = Vec::new();
        for unit in &kept {
            chain = hash(&(chain, unit));
            chains.push(chain);
        }
        let reused = chains
            .iter()
            .take_while(|chain| self.known.contains(*chain))
            .count();
        self.known.extend(chains);

        let image = hash(&(chain, &watched));
        let before = self.images.iter().position(|other| *other == image);
        if let Some(before) = before {
            self.images.remove(before);
        }
        self.images.insert(0, image);
        self.images.truncate(IMAGES_KEPT);
        let names = |units: Vec<Unit>| units.into_iter().map(|unit| unit.name).collect();
        Expected {
            is_same_image: before.is_some() && reused == kept.len(),
            reused,
            kept: names(kept),
            watched: names(watched),
        }
    }
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Returns the units of some phases, in their order.
fn units(elements: &Elements, phases: &[Phase]) -> Vec<Unit> {
    let files = elements.files();
    let mut units = Vec::new();
    for (phase, before, after) in phases {
        let steps = |names: &[&str]| -> Vec<Unit> {
            let of_step = |name: &&str| Unit {
                name: (*name).to_owned(),
                inputs: vec![environment_files(&files)],
            };
            names.iter().map(of_step).collect()
        };
        units.extend(steps(before));
        units.extend(hooks(elements, &files, phase));
        units.extend(steps(after));
    }
    units
}

/// Returns the hooks of a phase, in the order of their names.
fn hooks(elements: &Elements, files: &Files, phase: &str) -> Vec<Unit> {
    let mut hooks = Vec::new();
    if phase == "root" {
        let of_mirror = [
            ("15-mirror-base", elements.base.to_string()),
            (
                "16-mirror-packages",
                format!("{:?} {}", elements.flavour, elements.index()),
            ),
        ];
        hooks.extend(of_mirror.map(|(name, input)| Unit {
            name: format!("root.d/{name} of myorg-mirror"),
            inputs: vec![environment_files(files), input],
        }));
    }
    let inside = format!("{phase}.d/");
    for ((element, place), file) in files {
        if !place.starts_with(&inside) || file.mode & 0o111 == 0 {
            continue;
        }
        let mut inputs = vec![
            environment_files(files),
            format!("{:o} {}", file.mode, file.text),
            beside(files),
            format!(
                "{:?} {:?} {}",
                elements.seen,
                elements.flavour,
                elements.named_file().0
            ),
        ];
        if file.text.contains(OF_SESSION) || beside(files).contains(OF_SESSION) {
            inputs.push(format!("{:?}", elements.of_session));
        }
        if ON_HOST.contains(&phase) {
            inputs.push(elements.named_file().1.to_string());
        }
        if *element == "two" {
            // Its scripts may fetch something by themselves.
            inputs.push(elements.index());
        }
        hooks.push(Unit {
            name: format!("{place} of {element}"),
            inputs,
        });
    }
    hooks.sort_by(|left, right| left.name.cmp(&right.name));
    hooks
}

/// Returns what is in `environment.d`, on which each unit hangs.
fn environment_files(files: &Files) -> String {
    let of_environment = |((_, place), _): &(&(&str, String), &File)| place.starts_with("environment.d/");
    format!("{:?}", files.iter().filter(of_environment).collect::<Vec<_>>())
}

/// Returns everything that is no hook.
fn beside(files: &Files) -> String {
    let mut beside: Vec<_> = files
        .iter()
        .filter(|((_, place), file)| {
            let is_of_phase = KEPT
                .iter()
                .chain(&WATCHED)
                .any(|(phase, ..)| place.starts_with(&format!("{phase}.d/")));
            !is_of_phase || file.mode & 0o111 == 0
        })
        // Whose file it is can't be seen where they all are.
        .map(|((_, place), file)| (place, file))
        .collect();
    beside.sort();
    format!("{beside:?}")
}
