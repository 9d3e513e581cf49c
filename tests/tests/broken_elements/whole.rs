//! Elements that don't fit together, and what stands in their other directories.

use super::case::{BROKEN, Case, Content, Expected, file, link, program};
use Expected::{Builds, Fails, Refused};

fn refused(says: &str) -> Expected {
    Refused(says.to_owned())
}

fn nothing() -> Expected {
    Builds(String::new())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = together();
    cases.extend(directories());
    cases.extend(sources());
    cases
}

/// Elements and those that they depend on.
fn together() -> Vec<Case> {
    let deps = |element: &str| format!("{element}/element-deps");
    let provides = |element: &str| format!("{element}/element-provides");
    let mut long = Case::new("a long chain", nothing());
    for number in 0..300 {
        let name = if number == 0 {
            BROKEN.to_owned()
        } else {
            format!("link-{number}")
        };
        long = long.with(deps(&name), file(format!("link-{}\n", number + 1)));
    }
    long = long.with("link-300", Content::Directory);
    vec![
        Case::new("a dependency that is missing", refused("no-such-element"))
            .with(deps(BROKEN), file("no-such-element\n")),
        Case::new(
            "a dependency of a dependency that is missing",
            refused("no-such-element"),
        )
        .with(deps(BROKEN), file("other\n"))
        .with(deps("other"), file("no-such-element\n")),
        Case::new("a dependency that is broken", refused("/other/pkg-map:1:"))
            .with(deps(BROKEN), file("other\n"))
            .with("other/pkg-map", file("[\n")),
        Case::new("itself as dependency", nothing()).with(deps(BROKEN), file("broken\n")),
        Case::new("a cycle of two", nothing())
            .with(deps(BROKEN), file("other\n"))
            .with(deps("other"), file("broken\n")),
        Case::new("a cycle of three", nothing())
            .with(deps(BROKEN), file("one\n"))
            .with(deps("one"), file("two\n"))
            .with(deps("two"), file("broken\n")),
        long,
        Case::new("two that provide the same", refused("virtual"))
            .with(provides(BROKEN), file("virtual\n"))
            .with(provides("other"), file("virtual\n"))
            .asking_for(&["myorg-tiny", BROKEN, "other"]),
        Case::new("a second operating system", refused("operating-system"))
            .with(provides(BROKEN), file("operating-system\n")),
        Case::new("what is provided is asked for", refused("other"))
            .with(provides(BROKEN), file("other\n"))
            .with("other", Content::Directory)
            .asking_for(&["myorg-tiny", BROKEN, "other"]),
        Case::new("itself as provided", refused(BROKEN)).with(provides(BROKEN), file("broken\n")),
        Case::new("no operating system", refused("operating system")).asking_for(&[BROKEN]),
        Case::new("a missing element", refused("brokken")).asking_for(&["myorg-tiny", "brokken"]),
        Case::new("a file as element", refused("a-file"))
            .with("a-file", file(""))
            .asking_for(&["myorg-tiny", "a-file"]),
        Case::new("a pipe as element", refused("a-pipe"))
            .with("a-pipe", Content::Fifo)
            .asking_for(&["myorg-tiny", "a-pipe"]),
        Case::new("an element that leads nowhere", refused("nowhere-to-go"))
            .with("nowhere-to-go", link("nowhere"))
            .asking_for(&["myorg-tiny", "nowhere-to-go"]),
        Case::new("an element that leads to itself", refused("itself"))
            .with("itself", link("itself"))
            .asking_for(&["myorg-tiny", "itself"]),
        Case::new("a name of other bytes", nothing()).with(b"caf\xe9/install.d/50-x", program("")),
        Case::new("a name with a blank", nothing()).with("my element/install.d/50-x", program("")),
        Case::new("a name as long as can be", Builds("the long one runs".to_owned()))
            .with(
                format!("{}/root.d/50-x", "a".repeat(255)),
                program("#!/bin/sh\necho the long one runs\n"),
            )
            .asking_for(&["myorg-tiny", &"a".repeat(255)]),
        Case::new("nothing at all", nothing()),
    ]
}

/// Directories of an element that are no phase's.
fn directories() -> Vec<Case> {
    let at = |path: &str| format!("{BROKEN}/{path}");
    let mut deep = at("static");
    for _ in 0..200 {
        deep.push_str("/directory");
    }
    let mut many = Case::new("very many files", nothing());
    for number in 0..3000 {
        many = many.with(at(&format!("install.d/{number}.disabled")), file(""));
        many = many.with(at(&format!("static/etc/{number}")), file(""));
    }
    vec![
        many,
        Case::new("a deep directory", nothing()).with(format!("{deep}/x"), file("")),
        Case::new("static with names of other bytes", nothing()).with(
            at("static/etc/caf")
                .into_bytes()
                .into_iter()
                .chain([0xe9])
                .collect::<Vec<u8>>(),
            file("x"),
        ),
        Case::new("static that leads upwards", nothing()).with(at("static/etc/up"), link("../..")),
        Case::new("a directory that leads to its element", nothing()).with(at("lib"), link(".")),
        Case::new("directories that lead to each other", nothing())
            .with(at("one"), link("two"))
            .with(at("two"), link("one")),
        Case::new("static with a pipe and a socket", nothing())
            .with(at("static/pipe"), Content::Fifo)
            .with(at("static/socket"), Content::Socket),
        Case::new("a top of odd files", nothing())
            .with(at("pipe"), Content::Fifo)
            .with(at("socket"), Content::Socket)
            .with(at("device"), link("/dev/zero"))
            .with(at("module.pyc"), file("x"))
            .with(at("new\nline"), file("x")),
        Case::new(
            "a program of two elements",
            refused("both have the file bin/tool"),
        )
        .with(at("bin/tool"), program(""))
        .with("other/bin/tool", program(""))
        .asking_for(&["myorg-tiny", BROKEN, "other"]),
        Case::new(
            "a file where another has a directory",
            refused("is a file in the element other and a directory in the element broken"),
        )
        .with(at("bin/tool/x"), program(""))
        .with("other/bin/tool", program(""))
        .asking_for(&["myorg-tiny", BROKEN, "other"]),
        Case::new(
            "bin that is a file in one",
            refused("bin is a file in the element broken"),
        )
        .with(at("bin"), program(""))
        .with("other/bin/tool", program(""))
        .asking_for(&["myorg-tiny", BROKEN, "other"]),
        Case::new(
            "a file that takes a phase's place",
            refused("/other/root.d is not a directory"),
        )
        .with("other/root.d", file(""))
        .asking_for(&["myorg-tiny", BROKEN, "other"]),
        Case::new("a hook of a built-in element", refused("10-tiny-root"))
            .with(at("root.d/10-tiny-root"), program("")),
        Case::new("tests are no hooks", nothing())
            .with(at("tests/install.d/50-x"), program("exit 1"))
            .with(at("test-elements/x/install.d/50-x"), program("exit 1")),
    ]
}

/// Files `source-repository-*`.
fn sources() -> Vec<Case> {
    let case = |what: &str, content: Content, expected: Expected| {
        Case::new(format!("source-repository {what}"), expected)
            .with(format!("{BROKEN}/element-deps"), file("source-repositories\n"))
            // The tiny operating system has no packages.
            .with("package-installs", Content::Directory)
            .with(format!("{BROKEN}/source-repository-x"), content)
    };
    let fails = || Fails("source-repository-x".to_owned());
    vec![
        case("empty", file(""), nothing()),
        case("of comments", file("# nothing\n\n"), nothing()),
        case(
            "of an unknown kind",
            file("x svn /opt/x https://example.org/x\n"),
            fails(),
        ),
        case("without a destination", file("x git\n"), fails()),
        case(
            "with too many words",
            file("x file /opt/x file:///x y z\n"),
            fails(),
        ),
        case("of garbage", file((128..=255).collect::<Vec<u8>>()), fails()),
        case("leading nowhere", link("nowhere"), nothing()),
        case("a pipe", Content::Fifo, nothing()),
    ]
}
