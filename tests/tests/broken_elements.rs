//! Elements that are broken, each in one way: none makes the program panic, hang or leave anything.
//!
//! Where nothing else is said the expectation is diskimage-builder's behaviour: what it passes over is passed over.

mod case;
mod declarations;
mod environment_files;
mod hooks;
mod whole;

use case::check_all;

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

#[test]
fn elements_as_a_whole() {
    check_all(&whole::cases());
}
