//! Images of YAML files, one build after the other.

use std::fs;

use crate::world::{World, run, succeed};

/// Three images in two files, of which the second fails; what an image is told by its variables ends up in its log.
fn world_of_three() -> World {
    let world = World::new();
    let file = |name: &str, text: &str| fs::write(world.path("out").join(name), text).unwrap();
    file(
        "first.yaml",
        "- imagename: one\n  elements: [myorg-tiny]\n  types: [tar]\n  skip-base: yes\n\
         \x20 environment: {MYORG_COMMAND: 'echo this is $DIB_NAME', DIB_NAME: one}\n\
         - imagename: two\n  elements: [myorg-tiny]\n  types: [tar]\n\
         \x20 environment: {MYORG_COMMAND: 'echo this is ${DIB_NAME-nobody}; exit 7'}\n",
    );
    file(
        "second.yaml",
        "- imagename: three\n  elements: [myorg-tiny]\n  types: [raw]\n\
         \x20 environment: {MYORG_COMMAND: 'echo this is three'}\n\
         - imagename: one\n  types: [tgz]\n",
    );
    world
}

#[test]
fn a_failure_does_not_keep_other_images_from_being_built() {
    let world = world_of_three();
    let ran = run(world
        .program("myorg-dib")
        .args(["build", "-f", "first.yaml", "-f", "second.yaml"]));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for expected in ["this is one\n", "this is nobody\n", "this is three\n"] {
        assert!(ran.stderr.contains(expected), "{expected}: {}", ran.stderr);
    }
    assert!(
        ran.stderr.ends_with(
            "\nbuilt      one\nfailed     two (exit code 1)\nbuilt      three\nerror: 1 of 3 images failed\n"
        ),
        "{}",
        ran.stderr
    );
    assert_eq!(
        world.names("out"),
        [
            "first.yaml",
            "one.d",
            "one.tar",
            "one.tgz",
            "second.yaml",
            "three.d",
            "three.raw"
        ]
    );
    world.assert_nothing_is_left();
}

#[test]
fn a_failure_stops_what_is_to_be_stopped() {
    let world = world_of_three();
    let ran = run(world.program("myorg-dib").args([
        "build",
        "-f",
        "first.yaml",
        "-f",
        "second.yaml",
        "--stop-on-failure",
    ]));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.ends_with(
            "\nbuilt      one\nfailed     two (exit code 1)\nnot tried  three\nerror: 1 of 3 images failed\n"
        ),
        "{}",
        ran.stderr
    );
    assert!(!world.path("out/three.raw").exists());
    world.assert_nothing_is_left();
}

#[test]
fn the_command_lines_are_printed_and_nothing_is_built() {
    let world = world_of_three();
    let before = world.names("out");
    let files = ["--dry-run", "first.yaml", "second.yaml"];
    let ran = succeed(world.program("diskimage-builder").args(files));
    insta::assert_snapshot!(ran.stdout, @r"
    MYORG_COMMAND='echo this is $DIB_NAME' DIB_NAME=one disk-image-create -o one -t tar,tgz -n myorg-tiny
    MYORG_COMMAND='echo this is ${DIB_NAME-nobody}; exit 7' disk-image-create -o two -t tar myorg-tiny
    MYORG_COMMAND='echo this is three' disk-image-create -o three -t raw myorg-tiny
    ");
    assert_eq!(ran.stderr, "");
    assert_eq!(world.names("out"), before);
}

#[test]
fn what_is_wrong_in_files_is_told_before_any_work() {
    let world = world_of_three();
    fs::write(world.path("out/wrong.yaml"), "- imagname: x\n  types: [qcow]\n").unwrap();
    let files = ["first.yaml", "wrong.yaml"];
    let ran = run(world.program("diskimage-builder").args(files));
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: wrong.yaml:1:3: there is no key "imagname"; did you mean imagename?
        wrong.yaml:2:11: types: there is no image type "qcow"; did you mean qcow2?
    "#);
    let ran = run(world.program("diskimage-builder").arg("missing.yaml"));
    assert_eq!(ran.code, Some(66), "{}", ran.stderr);
}

#[test]
fn an_image_stands_in_a_file_or_on_the_command_line() {
    let world = world_of_three();
    for arguments in [
        &["-f", "first.yaml", "myorg-tiny"][..],
        &["-f", "first.yaml", "-n"],
        &["--dry-run", "myorg-tiny"],
    ] {
        let ran = run(world.program("myorg-dib").arg("build").args(arguments));
        assert_eq!(ran.code, Some(64), "{arguments:?}: {}", ran.stderr);
    }
}

/// A build's variables are those of the image, and not those that the user happened to have.
#[test]
fn a_cleared_environment_holds_what_the_file_says() {
    let world = World::new();
    let text = "- elements: [myorg-tiny]\n  types: [tar]\n  clear: true\n\
                \x20 environment: {MYORG_COMMAND: 'echo $DIB_NAME of ${DIB_TOWN-nowhere}', DIB_NAME: somebody}\n";
    fs::write(world.path("out/images.yaml"), text).unwrap();
    let mut command = world.program("myorg-dib");
    command
        .env("DIB_TOWN", "somewhere")
        .args(["build", "-f", "images.yaml"]);
    let ran = succeed(&mut command);
    assert!(ran.stderr.contains("somebody of nowhere\n"), "{}", ran.stderr);
    assert!(world.path("out/image.tar").exists());
}
