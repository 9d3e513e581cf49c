//! Elements that are directories on `ELEMENTS_PATH`.

use std::fs;

use crate::world::{World, run, succeed};

/// Makes a world in whose directory `home/elements` there are these files.
fn world_of(files: &[(&str, &str)]) -> World {
    let world = World::new();
    for (name, contents) in files {
        let path = world.path("home/elements").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    world
}

/// Returns the lines of a section of what `dib plan` prints.
fn section<'p>(plan: &'p str, heading: &str) -> Vec<&'p str> {
    let lines = plan.lines().skip_while(|line| *line != heading);
    lines
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .map(str::trim)
        .collect()
}

#[test]
fn a_directory_declares_packages_that_the_plan_shows() {
    let world = world_of(&[
        (
            "my-app/README.rst",
            "======\nmy-app\n======\n\nInstalls my application.\n",
        ),
        ("my-app/element-deps", "package-installs\n"),
        (
            "my-app/package-installs.yaml",
            "my-application:\nmy-headers:\n  build-only: True\nmy-firmware:\n  arch: s390x\n\
             my-debugger:\n  phase: post-install.d\n  when: DIB_DEBUG_TRACE != 0\n",
        ),
        (
            "my-app/pkg-map",
            r#"{"family": {"debian": {"my-application": "application-bin"}}}"#,
        ),
    ]);
    let mut command = world.program("dib");
    // A relative path begins where the command is run.
    command.env("ELEMENTS_PATH", "../home/elements");
    let plan = succeed(command.args(["plan", "-a", "amd64", "-x", "ubuntu", "my-app"])).stdout;
    let elements = section(&plan, "elements").join("\n");
    assert!(elements.contains("my-app"), "{plan}");
    assert!(elements.contains("/home/elements/my-app"), "{plan}");
    let packages = |heading: &str| -> Vec<String> {
        let lines = section(&plan, heading)
            .into_iter()
            .filter(|line| line.contains("my-app"));
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(
        packages("packages in phase install"),
        [
            "application-bin my-app (declared as my-application)",
            "my-headers my-app"
        ]
    );
    assert_eq!(
        packages("packages removed in phase install"),
        ["my-headers my-app"]
    );
    assert_eq!(packages("packages in phase post-install"), ["my-debugger my-app"]);
}

#[test]
fn an_element_is_listed_and_shown_with_what_it_is_for() {
    let world = world_of(&[("my-app/README.rst", "Installs my application. And more.\n")]);
    let mut command = world.program("dib");
    command.env("ELEMENTS_PATH", world.path("home/elements"));
    let list = succeed(command.arg("elements")).stdout;
    let line = list.lines().find(|line| line.starts_with("my-app ")).unwrap();
    assert!(line.ends_with("  Installs my application"), "{line}");
}

#[test]
fn a_directory_wins_over_what_is_built_in() {
    let world = world_of(&[("openssh-server/element-deps", "")]);
    let mut command = world.program("dib");
    command.env("ELEMENTS_PATH", world.path("home/elements"));
    let plan = succeed(command.args(["plan", "ubuntu", "openssh-server"])).stdout;
    let line = plan.lines().find(|line| line.contains("openssh-server")).unwrap();
    assert!(
        line.ends_with("/home/elements/openssh-server instead of the built-in"),
        "{line}"
    );
}

#[test]
fn a_fault_matters_where_the_element_is_used() {
    let world = world_of(&[("broken/package-installs.yaml", "x:\n  arhc: amd64\n")]);
    let mut command = world.program("dib");
    command.env("ELEMENTS_PATH", world.path("home/elements"));
    succeed(command.args(["plan", "ubuntu"]));
    let ran = run(command.arg("broken"));
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    assert!(
        ran.stderr
            .ends_with("/broken/package-installs.yaml:2:3: there is no key \"arhc\"; did you mean arch?\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_path_that_is_no_directory_is_told() {
    let world = World::new();
    let mut command = world.program("dib");
    command.env("ELEMENTS_PATH", world.path("home/missing"));
    let ran = run(command.args(["plan", "ubuntu"]));
    assert_eq!(ran.code, Some(66), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("on ELEMENTS_PATH, is not a directory"),
        "{}",
        ran.stderr
    );
}

/// What needs no elements needs no `ELEMENTS_PATH` either.
#[test]
fn other_commands_take_no_notice_of_the_path() {
    let world = World::new();
    let mut command = world.program("dib");
    command.env("ELEMENTS_PATH", world.path("home/missing"));
    succeed(command.args(["completions", "bash"]));
}
