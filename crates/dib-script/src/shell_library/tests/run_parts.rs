//! `dib-run-parts`. What images get of it is tested in `dib-elements-base`.

use std::process::Output;

use super::{Build, printed, stderr, stdout};

fn hook(build: &Build, name: &str, body: &str) {
    build.write(
        &format!("hooks/root.d/{name}"),
        &format!("#!/bin/sh\n{body}\n"),
        0o755,
    );
}

fn run(build: &Build, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    build
        .command(build.path("lib/dib-run-parts").to_str().unwrap())
        .envs(variables.iter().copied())
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn order_is_by_number_and_then_by_byte() {
    let build = Build::new();
    for name in ["10-b", "9-z", "10-B", "100-a", "no-number", "01-a"] {
        hook(&build, name, "exit 1");
    }
    let listed = printed(&run(&build, &[], &["--list", "hooks/root.d/"]));
    let expected = ["no-number", "01-a", "9-z", "10-B", "10-b", "100-a"];
    let expected: Vec<_> = expected
        .iter()
        .map(|name| format!("hooks/root.d/{name}"))
        .collect();
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn names_are_the_callers_to_choose() {
    let build = Build::new();
    hook(&build, "10-a.sh", "echo dotted");
    hook(&build, "10-b", "echo plain");
    assert_eq!(printed(&run(&build, &[], &["hooks/root.d"])), "plain\n");
    let dotted = [("RUN_PARTS_REGEX", r"\.sh$")];
    assert_eq!(printed(&run(&build, &dotted, &["hooks/root.d"])), "dotted\n");
}

#[test]
fn what_is_ignored_is_told_in_a_trace() {
    let build = Build::new();
    hook(&build, "10-a.sh", "echo dotted");
    build.write("hooks/root.d/20-plain", "echo no", 0o644);
    let said = stderr(&run(&build, &[("DIB_DEBUG_TRACE", "1")], &["hooks/root.d"]));
    assert!(said.contains("not executable: 20-plain\n"), "{said}");
    assert!(said.contains("can't be a hook's: 10-a.sh\n"), "{said}");
    let said = stderr(&run(&build, &[], &["hooks/root.d"]));
    assert!(!said.contains("Ignoring"), "{said}");
}

#[test]
fn a_profile_ends_what_went_well() {
    let build = Build::new();
    hook(&build, "10-a", "echo a");
    hook(&build, "20-b", "echo b");
    let output = run(&build, &[], &["hooks/root.d"]);
    assert_eq!(printed(&output), "a\nb\n");
    let said = stderr(&output);
    let profile = said.split_once("- PROFILING -").unwrap().1;
    assert!(profile.contains("dib-run-parts Target: root.d\n"), "{said}");
    for name in ["10-a", "20-b"] {
        let line = profile.lines().find(|line| line.contains(name)).unwrap();
        let seconds: f64 = line.split_whitespace().last().unwrap().parse().unwrap();
        assert!(seconds >= 0.0, "{line}");
    }
    hook(&build, "30-c", "exit 5");
    let output = run(&build, &[], &["hooks/root.d"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(!stderr(&output).contains("PROFILING"));
}

#[test]
fn environment_files_are_read_in_order_and_strictly() {
    let build = Build::new();
    hook(&build, "10-a", "echo $FIRST $SECOND");
    let second = "declare -A map=([a]=2); export SECOND=${map[a]}$FIRST";
    build.write("hooks/environment.d/10-b.bash", second, 0o644);
    build.write("hooks/environment.d/9-a", "export FIRST=1", 0o644);
    build.write("hooks/environment.d/bad name", "export FIRST=3", 0o644);
    assert_eq!(printed(&run(&build, &[], &["hooks/root.d"])), "1 21\n");
    build.write("hooks/environment.d/11-c", "echo $UNSET_HERE", 0o644);
    let output = run(&build, &[], &["hooks/root.d"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
}
