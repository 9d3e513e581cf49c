//! Elements that are broken, each in one way: none makes the program panic, hang or leave anything.
//!
//! Where nothing else is said the expectation is diskimage-builder's behaviour: what it passes over is passed over.

mod case;
mod declarations;
mod environment_files;
mod hooks;
mod whole;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use case::check_all;

use crate::world::{World, succeed};

/// How many broken elements there must be at the least.
const LEAST: usize = 200;

#[test]
fn there_are_many_and_each_has_a_name_of_its_own() {
    let cases = [
        declarations::cases(),
        environment_files::cases(),
        hooks::cases(),
        whole::cases(),
    ]
    .concat();
    assert!(cases.len() >= LEAST, "{}", cases.len());
    let mut names: Vec<_> = cases.iter().map(|case| &case.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), cases.len());
}

#[test]
fn files_that_say_something_of_an_element() {
    check_all(&declarations::cases());
}

#[test]
fn files_of_the_environment() {
    check_all(&environment_files::cases());
}

#[test]
fn hooks_in_every_phase() {
    check_all(&hooks::cases());
}

/// Scripts have the path in variables, and in a function that every bash reads.
#[test]
fn a_path_of_odd_characters() {
    let world = World::new();
    let elements = world.path("home/odd \"$(touch it-ran)`touch it-ran`\\ ünd 'so");
    let hook = elements.join("my-element/root.d/50-tell");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(
        &hook,
        "#!/bin/bash\nset -eu\necho \"it is in $(get_image_element_array)\"\n",
    )
    .unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = world.tiny_build(&["-t", "tar", "my-element"]);
    let ran = succeed(command.env("ELEMENTS_PATH", &elements));
    assert!(
        ran.stderr
            .contains(&format!("[my-element]={elements}/my-element ")),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("error importing function"), "{}", ran.stderr);
    assert!(!world.path("out/it-ran").exists());
}

#[test]
fn elements_as_a_whole() {
    check_all(&whole::cases());
}
