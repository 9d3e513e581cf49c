//! Random edits of elements that are directories, and a model that foretells what each build runs again.
//!
//! After each edit the same is built twice, with layers and without: the first runs what the model says, no more and no
//! less, and both come to the same bytes.

mod elements;
mod mirror;
mod model;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::world::{Ran, World, succeed};

use self::elements::{Elements, Generator};
use self::mirror::Mirror;
use self::model::{Expected, Model};

/// What the console says of a unit whose work was done before.
const KNOWN: &str = "known from a build before: ";
/// What it says of one that is to be done.
const TO_DO: &str = "to do: ";
/// What it says of a hook that is run.
const RUNNING: &str = "running ";
/// What it says where nothing at all is to be done.
const NOTHING_HAS_CHANGED: &str = "nothing has changed: the image is that of an earlier build";

/// How many edits are told of where a build does not do what it has to.
const LAST_EDITS: usize = 12;

/// What a build did, as far as the model foretells it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    is_same_image: bool,
    /// The units whose work can be kept, and whether it was known.
    units: Vec<(String, bool)>,
    running: Vec<String>,
}

fn build(world: &World, mirror: &Mirror, elements: &Elements) -> Command {
    let mut build = world.program("myorg-dib");
    build
        .args(["build", "-n", "-t", "tar", "os", "one", "two", "myorg-mirror"])
        .env("MYORG_MIRROR", mirror.url())
        .env("no_proxy", "127.0.0.1")
        .env("ELEMENTS_PATH", world.path("home/elements"))
        .env("DIB_INIT_SYSTEM", "sysv")
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("OVERWRITE_OLD_IMAGE", "1")
        .envs(elements.variables(world));
    build
}

/// Reads what a build did off its console.
fn done(ran: &Ran) -> Done {
    let mut done = Done::default();
    for line in ran.stderr.lines() {
        if let Some(unit) = line.strip_prefix(KNOWN) {
            done.units.push((unit.to_owned(), true));
        } else if let Some(unit) = line.strip_prefix(TO_DO) {
            let unit = unit.split(": ").next().unwrap_or(unit);
            done.units.push((unit.to_owned(), false));
        } else if let Some(hook) = line.strip_prefix(RUNNING) {
            done.running.push(hook.to_owned());
        } else if line == NOTHING_HAS_CHANGED {
            done.is_same_image = true;
        }
    }
    done
}

/// Returns what the model foretells in the form in which the console tells it.
fn foretold(expected: &Expected) -> Done {
    if expected.is_same_image {
        return Done {
            is_same_image: true,
            ..Done::default()
        };
    }
    let reused = expected.reused;
    let units = expected.kept.iter().enumerate();
    let to_do = expected.kept.iter().skip(reused).chain(&expected.watched);
    Done {
        is_same_image: false,
        units: units
            .map(|(index, unit)| (unit.clone(), index < reused))
            .collect(),
        running: to_do.filter(|unit| unit.contains(".d/")).cloned().collect(),
    }
}

/// Returns the hooks that the last build's journal has.
fn hooks_in_journal(world: &World) -> BTreeSet<String> {
    let report = fs::read(world.path("out/image.d/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let entries = report["journal"].as_array().unwrap().iter();
    entries
        .filter_map(|entry| {
            Some(format!(
                "{}.d/{}",
                entry["phase"].as_str()?,
                entry["hook"].as_str()?
            ))
        })
        .collect()
}

fn image(world: &World) -> Vec<u8> {
    fs::read(world.path("out/image.tar")).unwrap()
}

#[test]
fn what_is_unchanged_is_reused_and_nothing_else() {
    let number_in = |name: &str, default: u32| {
        std::env::var(name).map_or(default, |number| number.parse().expect("a number is needed"))
    };
    let (edits, seed) = (number_in("DIB_TEST_EDITS", 60), number_in("DIB_TEST_SEED", 1));
    let (world, mirror) = (World::new(), Mirror::start());
    let mut generator = Generator::of(seed);
    let mut elements = Elements::default();
    let mut model = Model::default();
    let mut told = vec!["nothing".to_owned()];
    for edit in 0..=edits {
        if edit > 0 {
            told.push(elements.edit(&mut generator));
        }
        elements.write(&world);
        mirror.serve(&elements.published());
        let context = |what: &str| {
            let last = &told[told.len().saturating_sub(LAST_EDITS)..];
            format!(
                "{what} after edit {edit} of seed {seed}; the last edits:\n{}",
                last.join("\n")
            )
        };
        let ran = succeed(build(&world, &mirror, &elements).arg("--explain"));
        if ran.stderr.contains("this build goes without layers") {
            return;
        }
        let expected = model.build(&elements);
        let foretold = foretold(&expected);
        assert_eq!(
            done(&ran),
            foretold,
            "{}",
            context("the build did not run what it had to")
        );
        if !expected.is_same_image {
            let ran: BTreeSet<String> = foretold
                .running
                .iter()
                .filter_map(|hook| Some(hook.split(" of ").next()?.to_owned()))
                .collect();
            let mut in_journal = hooks_in_journal(&world);
            in_journal.retain(|hook| ran.contains(hook) || elements.has_hook(hook));
            assert_eq!(in_journal, ran, "{}", context("the journal is another"));
        }
        let of_layers = image(&world);
        succeed(build(&world, &mirror, &elements).arg("--no-layers"));
        assert!(of_layers == image(&world), "{}", context("the images differ"));
    }
    world.assert_nothing_is_left();
}
