//! `sudo`: its options, the environment it leaves, and its status.

use std::process::Output;

use super::{Build, printed, stderr, stdout};

/// Runs a line that says `sudo`, with two variables that sudo takes away.
fn run(line: &str) -> Output {
    let build = Build::new();
    build
        .command("bash")
        .args(["-c", line])
        .env("TAKEN", "taken")
        .env("OTHER", "other")
        .env("LC_TIME", "C")
        .env("HOME", "/homeless")
        .output()
        .unwrap()
}

fn check(line: &str, expected: &str) {
    assert_eq!(printed(&run(line)), expected, "{line}");
}

/// The number, the name and the home of who runs this test.
fn me() -> (String, String, String) {
    let text = printed(&run("id -u; id -un; getent passwd \"$(id -u)\" | cut -d: -f6"));
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap();
    (next(), next(), next())
}

/// Names who runs this test to `sudo`: an ordinary user can run nothing as another.
fn as_me() -> String {
    format!("-u '#{}'", me().0)
}

#[test]
fn the_environment_is_taken_unless_it_is_asked_for() {
    let me = as_me();
    let show = "sh -c 'echo \"[$TAKEN] [$OTHER] $LC_TIME\"'";
    check(&format!("sudo {me} {show}"), "[] [] C\n");
    check(&format!("sudo -E {me} {show}"), "[taken] [other] C\n");
    check(&format!("sudo {me} --preserve-env {show}"), "[taken] [other] C\n");
    check(
        &format!("sudo --preserve-env=TAKEN,UNSET {me} {show}"),
        "[taken] [] C\n",
    );
    check(
        &format!("sudo -nE {me} TAKEN=given {show}"),
        "[given] [other] C\n",
    );
    check(&format!("sudo {me} TAKEN='a  b' {show}"), "[a  b] [] C\n");
}

#[test]
fn home_is_the_users_but_with_e_alone() {
    let home = format!("{}\n", me().2);
    let me = as_me();
    let show = "sh -c 'echo $HOME'";
    check(&format!("sudo {me} {show}"), &home);
    check(&format!("sudo -H {me} {show}"), &home);
    check(&format!("sudo -E {me} {show}"), "/homeless\n");
    check(&format!("sudo -E -H {me} {show}"), &home);
    check(&format!("sudo --preserve-env=HOME {me} {show}"), "/homeless\n");
}

#[test]
fn the_programs_of_the_build_stay_first() {
    let build = Build::new();
    let output = build.bash(&format!("sudo {} bash -c 'type -P mknod'", as_me()));
    assert_eq!(
        printed(&output),
        format!("{}\n", build.path("bin/mknod").display())
    );
}

#[test]
fn users_are_told_by_name_and_number() {
    let (uid, name, _) = me();
    let show = "sh -c 'id -u; echo $USER $LOGNAME'";
    let expected = format!("{uid}\n{name} {name}\n");
    for options in [
        format!("-u {name}"),
        format!("-u{name}"),
        format!("-nu {name}"),
        format!("--user={name}"),
        format!("--user {name}"),
        format!("-u '#{uid}'"),
        format!("-u '#{uid}' -g \"#$(id -g)\""),
        format!("-u {name} -p prompt -C 3 -D / -S --"),
    ] {
        check(&format!("sudo {options} {show}"), &expected);
    }
    let output = run("sudo -u nobody-of-this-name true");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "sudo: unknown user nobody-of-this-name\n");
}

#[test]
fn the_status_is_the_commands() {
    let me = as_me();
    assert_eq!(run(&format!("sudo {me} sh -c 'exit 42'")).status.code(), Some(42));
    let output = run(&format!("sudo {me} no-such-command-here"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "sudo: no-such-command-here: command not found\n");
}

#[test]
fn shells_get_their_words_escaped() {
    let me = as_me();
    check(
        &format!("SHELL=/bin/sh sudo {me} -s echo 'a  b' \"it's\""),
        "a  b it's\n",
    );
    check(&format!("SHELL=/bin/sh sudo {me} -D / -s pwd"), "/\n");
}

#[test]
fn without_a_command_it_answers() {
    for line in ["sudo -v", "sudo -k", "sudo -K", "sudo -nv"] {
        check(line, "");
    }
    assert!(printed(&run("sudo -l")).contains("ALL"));
    assert!(printed(&run("sudo -V")).starts_with("sudo "));
    let output = run("sudo");
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
}

#[test]
fn an_unknown_option_is_named() {
    for (option, named) in [("-Z", "-Z"), ("-nZ", "-Z"), ("--edit", "--edit")] {
        let output = run(&format!("sudo {option} true"));
        assert_eq!(output.status.code(), Some(1), "{option}");
        let expected = format!("sudo: {named} is not understood");
        assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
    }
    assert_eq!(stderr(&run("sudo -u")), "sudo: -u needs a value\n");
}
