//! How much of a build is done again, as the user says.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use camino::Utf8PathBuf;

use crate::world::{Ran, World, run, succeed};

/// A build of the tiny operating system, which has layers.
fn build(world: &World, arguments: &[&str]) -> Command {
    let mut build = world.tiny_build(&["-t", "tar"]);
    build
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("OVERWRITE_OLD_IMAGE", "1")
        .env("MYORG_COMMAND", "echo a > /etc/a");
    build
}

/// Builds once so that all is known, and returns whether this machine can have layers.
fn is_known(world: &World) -> bool {
    let ran = succeed(&mut build(world, &[]));
    !ran.stderr.contains("this build goes without layers")
}

/// Returns the hooks that the last build has run.
fn hooks_run(world: &World) -> BTreeSet<String> {
    let report = fs::read(world.path("out/image.d/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let entries = report["journal"].as_array().unwrap();
    entries
        .iter()
        .filter_map(|entry| Some(entry["hook"].as_str()?.to_owned()))
        .collect()
}

fn image(world: &World) -> Vec<u8> {
    fs::read(world.path("out/image.tar")).unwrap()
}

fn store(world: &World) -> Utf8PathBuf {
    world.path("home/.cache/image-create/layers")
}

/// Returns the store's packs.
fn packs(world: &World) -> Vec<Utf8PathBuf> {
    let mut packs = Vec::new();
    let mut open = vec![store(world).join("packs")];
    while let Some(directory) = open.pop() {
        for entry in directory.read_dir_utf8().unwrap() {
            let path = entry.unwrap().path().to_owned();
            if path.is_dir() {
                open.push(path);
            } else if path.extension() == Some("layer") {
                packs.push(path);
            }
        }
    }
    packs
}

fn assert_says(ran: &Ran, text: &str) {
    assert!(ran.stderr.contains(text), "{text}\n{}", ran.stderr);
}

#[test]
fn from_a_hook_on_all_is_done_again() {
    let world = World::new();
    if !is_known(&world) {
        return;
    }
    let first = image(&world);
    for place in ["install/50-tiny-command", "install.d/50-tiny-command", "install"] {
        let ran = succeed(&mut build(&world, &["--from", place]));
        assert_says(&ran, "known from a build before: root.d/10-tiny-root");
        assert_says(&ran, "running install.d/50-tiny-command");
        assert_says(&ran, ": --from asks for it");
        let hooks = hooks_run(&world);
        assert!(hooks.contains("50-tiny-command"), "{hooks:?}");
        assert!(!hooks.contains("10-tiny-root"), "{hooks:?}");
        assert!(
            first == image(&world),
            "the image differs that is built from {place} on"
        );
    }
    succeed(&mut build(&world, &["--from", "root"]));
    let hooks = hooks_run(&world);
    assert!(hooks.contains("10-tiny-root"), "{hooks:?}");
    assert!(first == image(&world), "the image differs");

    let ran = run(&mut build(&world, &["--from", "install/50-tiny-comand"]));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert_says(&ran, "the plan has no hook install.d/50-tiny-comand");
    assert_says(&ran, "hint: did you mean install.d/50-tiny-command?");
    let ran = run(&mut build(&world, &["--from", "instal"]));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
}

#[test]
fn without_layers_nothing_is_taken_and_nothing_kept() {
    let world = World::new();
    succeed(&mut build(&world, &["--no-layers"]));
    let first = image(&world);
    succeed(build(&world, &[]).env("DIB_LAYERS", "0"));
    assert!(!store(&world).exists(), "a store was made");
    assert!(first == image(&world), "the images differ");
    if !is_known(&world) {
        return;
    }
    succeed(&mut build(&world, &["--no-layers"]));
    assert!(hooks_run(&world).contains("10-tiny-root"));
    assert!(first == image(&world), "the images differ");
    let ran = run(&mut build(&world, &["--no-layers", "--from", "install"]));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
}

#[test]
fn a_build_explains_itself() {
    let world = World::new();
    if !is_known(&world) {
        return;
    }
    let ran = succeed(build(&world, &["--explain"]).env("MYORG_COMMAND", "echo b > /etc/a"));
    for line in [
        "known from a build before: root.d/10-tiny-root of myorg-tiny\n",
        "known from a build before: look at the target\n",
        "to do: install.d/50-tiny-command of myorg-tiny: the variable MYORG_COMMAND is \"echo b > /etc/a\" and was \
         \"echo a > /etc/a\"\nrunning install.d/50-tiny-command of myorg-tiny\n",
        "to do: unmount: it comes after install.d/50-tiny-command\n",
    ] {
        assert_says(&ran, line);
    }
    let ran = succeed(&mut build(&world, &[]));
    assert!(!ran.stderr.contains("look at the target"), "{}", ran.stderr);
}

#[test]
fn layers_that_are_too_old_go() {
    let world = World::new();
    if !is_known(&world) {
        return;
    }
    let kept = packs(&world).len();
    assert!(kept > 0);
    let long_ago = fs::FileTimes::new()
        .set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(8 * 24 * 3600));
    for path in packs(&world) {
        let pack = fs::File::options().write(true).open(path).unwrap();
        pack.set_times(long_ago).unwrap();
    }
    let ran = succeed(&mut build(&world, &[]));
    assert!(!ran.stderr.contains("layers: removed"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("running root.d/"), "{}", ran.stderr);

    // They are as new now as that build.
    let ran = succeed(build(&world, &[]).env("DIB_LAYERS_MAX_AGE", "7"));
    assert!(!ran.stderr.contains("layers: removed"), "{}", ran.stderr);
    for path in packs(&world) {
        let pack = fs::File::options().write(true).open(path).unwrap();
        pack.set_times(long_ago).unwrap();
    }
    let ran = succeed(build(&world, &[]).env("DIB_LAYERS_MAX_AGE", "7"));
    assert_says(&ran, "layers: removed ");
    assert!(hooks_run(&world).contains("10-tiny-root"));
    assert_eq!(packs(&world).len(), kept);

    let ran = run(build(&world, &[]).env("DIB_LAYERS_MAX_SIZE", "much"));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert_says(&ran, "DIB_LAYERS_MAX_SIZE is \"much\"");
}

#[test]
fn a_store_that_others_may_write_to_is_none() {
    let world = World::new();
    let packs = store(&world).join("packs/v2");
    fs::create_dir_all(&packs).unwrap();
    let for_all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&packs, for_all).unwrap();
    let ran = succeed(&mut build(&world, &[]));
    assert_says(&ran, "this build goes without layers: ");
    assert!(fs::read_dir(&packs).unwrap().next().is_none(), "a layer was kept");
}
