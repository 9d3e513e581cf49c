//! Files of `environment.d`, which bash reads.

use super::case::{BROKEN, Case, Content, Expected, file, link, program};
use Expected::{Builds, Fails, Ignored, Refused};

/// A hook that tells what it sees.
const TELL: &str = "#!/bin/bash\necho \"it sees A=${A:-}.\"\n";

fn case(what: &str, name: &str, content: Content, expected: Expected) -> Case {
    Case::new(format!("environment.d {what}"), expected)
        .with(format!("{BROKEN}/root.d/50-tell"), program(TELL))
        .with(format!("{BROKEN}/environment.d/{name}"), content)
        .with_programs()
}

pub(super) fn cases() -> Vec<Case> {
    [read_or_not(), that_fail(), of_elements()].concat()
}

/// The file's name in most cases.
const A: &str = "10-a";

fn export() -> Content {
    file("export A=1\n")
}

fn sees(value: &str) -> Expected {
    Builds(format!("it sees A={value}."))
}

/// Files that are read, and files that are passed over.
fn read_or_not() -> Vec<Case> {
    let ignored = || Ignored("it sees A=1.".to_owned());
    // The value ends with a carriage return, as upstream has it.
    let of_windows = Builds(String::new());
    vec![
        case("not executable", A, export(), sees("1")),
        case("with dots", "10-a.bash", export(), sees("1")),
        case("of a huge name", &"a".repeat(255), export(), sees("1")),
        case("empty", A, file(""), sees("")),
        case("with a NUL", A, file("export A=\"1\0\"\n"), sees("1")),
        case("that returns", A, file("export A=1\nreturn 0\n"), sees("1")),
        case("with lines of Windows", A, file("export A=1\r\n"), of_windows),
        case("with a blank", "10 a", export(), ignored()),
        case("a backup", "10-a~", export(), ignored()),
        case("a directory", "10-a/x", export(), ignored()),
        case("a pipe", A, Content::Fifo, ignored()),
        case("a socket", A, Content::Socket, ignored()),
        case("a device", A, link("/dev/zero"), ignored()),
        case("leading nowhere", A, link("nowhere"), ignored()),
        case("leading to itself", A, link(A), ignored()),
    ]
}

/// Files over which the shell that reads them fails.
fn that_fail() -> Vec<Case> {
    let ends_the_shell = "environment.d/10-a ends the shell";
    let mut cases: Vec<_> = [
        (
            "of a wrong syntax",
            "if true; then\n",
            "environment.d/10-a: line ",
        ),
        (
            "with an unset variable",
            "echo $NOWHERE\n",
            "NOWHERE: unbound variable",
        ),
        ("with a failing command", "false\n", "environment.d/10-a"),
        (
            "with a missing command",
            "no-such-command\n",
            "no-such-command: command not found",
        ),
        ("that exits", "exit 0\n", ends_the_shell),
        ("that exits wrongly", "exit 3\n", "environment.d/10-a"),
        ("that becomes another", "exec true\n", ends_the_shell),
        ("that kills itself", "kill -9 $$\n", "environment.d/10-a"),
        ("without a path", "export PATH=\n", "env: "),
        (
            "with a huge variable",
            "export A=$(printf '%0200000d' 1)\n",
            "Argument list too long",
        ),
    ]
    .into_iter()
    .map(|(what, text, says)| case(what, A, file(text), Fails(says.to_owned())))
    .collect();
    let garbage = file((128..=255).collect::<Vec<u8>>());
    cases.push(case(
        "of garbage",
        A,
        garbage,
        Fails("environment.d/10-a: line 1".to_owned()),
    ));
    cases.push(case(
        "closed",
        A,
        Content::Mode(0, b"export A=1\n".to_vec()),
        sees("1"),
    ));
    cases
}

/// Where the directory is none, or its files are in each other's way.
fn of_elements() -> Vec<Case> {
    let is_file = Refused("/broken/environment.d is not a directory".to_owned());
    let twice = Refused("both have the file environment.d/10-a".to_owned());
    vec![
        Case::new("environment.d is a file", is_file).with(format!("{BROKEN}/environment.d"), export()),
        Case::new("environment.d of two elements", twice)
            .with(format!("{BROKEN}/environment.d/10-a"), export())
            .with("other/environment.d/10-a", export())
            .asking_for(&["myorg-tiny", BROKEN, "other"]),
    ]
}
