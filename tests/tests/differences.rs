//! `dib diff`: images by package, hook and file.

use std::fs;
use std::process::Command;

use crate::world::{Ran, World, run, succeed};

/// What a build without layers says, where the machine can't have any.
const WITHOUT_LAYERS: &str = "this build goes without layers";

/// A build of the tiny operating system by this name, whose last hook of `install` runs this command.
fn build(world: &World, name: &str, image_type: &str, command: &str) -> Command {
    let mut build = world.tiny_build(&["-t", image_type, "-o", name]);
    build
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("MYORG_COMMAND", command);
    build
}

fn diff(world: &World, arguments: &[&str]) -> Ran {
    let mut diff = world.program("dib");
    diff.arg("diff").args(arguments);
    run(&mut diff)
}

/// Checks that the output has these lines, each with what may follow.
fn check_lines(ran: &Ran, lines: &[&str]) {
    for line in lines {
        let has_it = ran.stdout.lines().any(|shown| shown.starts_with(line));
        assert!(has_it, "{line} is missing in\n{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn two_images_are_compared_by_their_layers() {
    let world = World::new();
    let old = "echo a > /etc/a; echo same > /etc/same; echo old > /etc/old; mkdir /etc/d; echo x > /etc/d/x";
    let new = "echo bb > /etc/a; echo same > /etc/same; chmod 600 /etc/same; ln -s a /etc/link; mkdir /etc/d";
    let ran = succeed(&mut build(&world, "first", "raw", old));
    if ran.stderr.contains(WITHOUT_LAYERS) {
        return;
    }
    succeed(&mut build(&world, "second", "raw", new));
    let ran = diff(&world, &["first.raw", "second.d"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    check_lines(
        &ran,
        &[
            "hooks: ",
            "  ~ install.d/50-tiny-command of myorg-tiny: ",
            "files: 1 added, 2 removed, ",
            "  ~ /etc/a: contents 2 bytes -> 3 bytes  (install.d/50-tiny-command of myorg-tiny)",
            "  ~ /etc/same: mode 0644 -> 0600  (install.d/50-tiny-command of myorg-tiny)",
            "  + /etc/link  (install.d/50-tiny-command of myorg-tiny)",
            "  - /etc/old  (install.d/50-tiny-command of myorg-tiny)",
            "  - /etc/d/x  (install.d/50-tiny-command of myorg-tiny)",
        ],
    );
    let changed = format!("the variable MYORG_COMMAND is {new:?} and was {old:?}");
    assert!(ran.stdout.contains(&changed), "{}", ran.stdout);
    assert!(!ran.stdout.contains("/etc/hostname"), "{}", ran.stdout);

    let ran = diff(&world, &["--format", "json", "first", "second"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    let difference: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let files = difference["files"]["changes"].as_array().unwrap();
    let link = files.iter().find(|file| file["path"] == "/etc/link").unwrap();
    assert_eq!(link["change"], "added");
    assert_eq!(link["hook"], "install.d/50-tiny-command of myorg-tiny");

    let ran = diff(&world, &["first", "first.raw"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    check_lines(&ran, &["hooks: the same", "files: the same"]);

    // Without the layers there is no telling.
    fs::remove_dir_all(world.path("home/.cache/image-create/layers")).unwrap();
    let ran = diff(&world, &["first", "second"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    check_lines(&ran, &["files: not known: there are no layers in "]);
    let ran = diff(&world, &["first", "first"]);
    assert_eq!(ran.code, Some(66), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn two_images_are_compared_by_their_archives() {
    let world = World::new();
    let without_layers = |name: &str, command: &str| {
        succeed(build(&world, name, "tar", command).env("DIB_LAYERS", "0"));
    };
    without_layers("first", "echo a > /etc/a; ln /etc/a /etc/b");
    without_layers("second", "echo b > /etc/a; ln /etc/a /etc/b");
    let ran = diff(&world, &["first.tar", "second.tar"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    check_lines(&ran, &["  ~ /etc/a: contents", "  ~ /etc/b: contents"]);
    assert!(!ran.stdout.contains("not compared"), "{}", ran.stdout);
    let ran = diff(&world, &["first", "first.d"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);

    let ran = diff(&world, &["first", "third"]);
    assert_eq!(ran.code, Some(66), "{}{}", ran.stdout, ran.stderr);
    // An archive that is another one by now is not the image's.
    fs::write(world.path("out/second.tar"), "").unwrap();
    let ran = diff(&world, &["first", "second"]);
    check_lines(&ran, &["files: not known: "]);
}
