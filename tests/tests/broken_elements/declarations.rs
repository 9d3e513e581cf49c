//! Files by which an element says what it wants: names of elements, YAML, JSON.

use std::fmt::Write as _;

use super::case::{BROKEN, Case, Content, Expected, closed, file, link};
use Expected::{Builds, Refused};

/// The files of names, one on each line.
const LISTS: [&str; 2] = ["element-deps", "element-provides"];
/// The files of YAML or JSON, each with a document that is right.
const DOCUMENTS: [(&str, &str); 5] = [
    ("package-installs.yaml", "vim:\n  arch: no-arch\n"),
    ("package-installs.json", "{\"vim\": {\"arch\": \"no-arch\"}}"),
    ("pkg-map", "{\"family\": {\"debian\": {\"vim\": \"vim-tiny\"}}}\n"),
    ("svc-map", "ssh:\n  default: sshd\n"),
    (
        "block-device-default.yaml",
        "- local_loop:\n    name: image0\n- mkfs:\n    name: mkfs_root\n    base: image0\n    mount:\n      mount_point: /\n",
    ),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in LISTS {
        cases.extend(kinds_of_file(name, "pkg-map\n"));
        cases.extend(lists(name));
    }
    for (name, right) in DOCUMENTS {
        cases.extend(kinds_of_file(name, right));
        cases.extend(documents(name, right));
    }
    cases.extend(readme());
    cases.extend(meanings());
    cases
}

fn case(file: &str, what: &str, content: Content, expected: Expected) -> Case {
    Case::new(format!("{file} {what}"), expected).with(format!("{BROKEN}/{file}"), content)
}

fn nothing() -> Expected {
    Builds(String::new())
}

/// What may stand where a file should.
fn kinds_of_file(name: &str, right: &str) -> Vec<Case> {
    let refused = |says: &str| Refused(format!("/{BROKEN}/{name} {says}"));
    let right_bytes = right.as_bytes().to_vec();
    vec![
        case(name, "is right", file(right), nothing()),
        case(
            name,
            "is a directory",
            Content::Directory,
            refused("is not a file"),
        ),
        case(name, "is a pipe", Content::Fifo, refused("is not a file")),
        case(name, "is a socket", Content::Socket, refused("is not a file")),
        case(name, "never ends", link("/dev/zero"), refused("is not a file")),
        case(name, "leads nowhere", link("nowhere"), nothing()),
        case(
            name,
            "leads to itself",
            link(name),
            Refused(format!("/{BROKEN}/{name}: Too many levels of symbolic links")),
        ),
        case(
            name,
            "is huge",
            Content::Sparse(1 << 40),
            refused("has more than 16777216 bytes"),
        ),
        case(
            name,
            "is closed",
            Content::Mode(0, right_bytes),
            closed(nothing(), Refused(format!("/{BROKEN}/{name}: Permission denied"))),
        ),
        case(
            name,
            "is of Latin-1",
            file(b"# caf\xe9\n"),
            Refused(format!("/{BROKEN}/{name}:1:6: the text is not UTF-8 here")),
        ),
        case(
            name,
            "has lines of Windows",
            file(right.replace('\n', "\r\n")),
            nothing(),
        ),
        case(
            name,
            "is binary",
            file((0..=255).collect::<Vec<u8>>()),
            Refused(format!("/{BROKEN}/{name}:")),
        ),
    ]
}

fn lists(name: &str) -> Vec<Case> {
    let at = |place: &str| Refused(format!("/{BROKEN}/{name}:{place}: "));
    let long = "a".repeat(4096);
    vec![
        case(name, "is empty", file(""), nothing()),
        case(name, "is blank", file(" \n\t\n\n"), nothing()),
        case(name, "has a comment", file("# base\n"), at("1:1")),
        case(name, "has a mark of UTF-8", file("\u{feff}base\n"), at("1:1")),
        case(name, "has a NUL", file("pkg-map\n\0\n"), at("2:1")),
        case(name, "has two on a line", file("pkg-map  base\n"), at("1:1")),
        case(name, "has a path", file("../base\n"), at("1:1")),
        case(name, "has an option", file("--help\n"), at("1:1")),
        case(
            name,
            "has a long line",
            file(format!("{long} \n")),
            if name == "element-deps" {
                Refused(format!("{BROKEN} depends on "))
            } else {
                nothing()
            },
        ),
        case(
            name,
            "has a long line of blanks",
            file(format!("x {long}")),
            at("1:1"),
        ),
        case(
            name,
            "has many lines",
            file("pkg-map\n".repeat(100_000)),
            nothing(),
        ),
    ]
}

fn documents(name: &str, right: &str) -> Vec<Case> {
    let at = |place: &str| Refused(format!("/{BROKEN}/{name}:{place}"));
    let deep = |times: usize| "[".repeat(times) + &"]".repeat(times);
    let mut bomb = "a0: &a0 [x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        writeln!(bomb, "a{level}: &a{level} [{before}]").unwrap();
    }
    let text_bomb = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(10_000));
    let is_layout = name.starts_with("block-device");
    let not_layout = |expected: Expected, place: &str| if is_layout { at(place) } else { expected };
    vec![
        case(name, "is empty", file(""), not_layout(nothing(), "")),
        case(
            name,
            "is a comment",
            file("# nothing\n"),
            not_layout(nothing(), ""),
        ),
        case(
            name,
            "has a mark of UTF-8",
            file(format!("\u{feff}{right}")),
            nothing(),
        ),
        case(name, "has a NUL", file("x: \"\0\"\n"), at("1:")),
        case(name, "has a tab", file("x:\n\ty: 1\n"), at("2:")),
        case(name, "has an open bracket", file("{\"x\": {"), at("1:")),
        case(name, "has an open quote", file("x: \"y\n"), at("")),
        case(name, "has a bad indent", file("x:\n    y: 1\n  z: 1\n"), at("3:")),
        case(name, "is a text", file("just words\n"), at("1:1: ")),
        case(name, "is a number", file("1e999\n"), at("1:1: ")),
        case(
            name,
            "is of the wrong kind",
            file(if is_layout { "x: 1\n" } else { "- x\n" }),
            at("1:1"),
        ),
        case(
            name,
            "has two documents",
            file(format!("{right}\n---\n{right}")),
            at(""),
        ),
        case(
            name,
            "has a key twice",
            file("x:\ny:\nx:\n"),
            at("3:1: \"x\" is given twice"),
        ),
        case(name, "has an alias of nothing", file("x: *y\n"), at("1:")),
        case(name, "has an alias in itself", file("x: &y [*y]\n"), at("1:")),
        case(name, "has a bomb", file(bomb), at("")),
        case(name, "has a bomb of text", file(text_bomb), at("")),
        case(name, "is deep", file(deep(50_000)), at("1:")),
        case(name, "is deep in blocks", file("- ".repeat(50_000)), at("1:")),
        case(name, "is a line of 8 MiB", file("x".repeat(8 << 20)), at("1:1: ")),
        case(name, "has a tag", file("!!python/object:os.system x\n"), at("1:")),
    ]
}

/// A file that nobody but people reads.
fn readme() -> Vec<Case> {
    let name = "README.rst";
    vec![
        case(name, "is a directory", Content::Directory, nothing()),
        case(name, "is a pipe", Content::Fifo, nothing()),
        case(name, "never ends", link("/dev/zero"), nothing()),
        case(name, "leads to itself", link(name), nothing()),
        case(name, "is binary", file((0..=255).collect::<Vec<u8>>()), nothing()),
        case(name, "is one long line", file("=".repeat(1 << 20)), nothing()),
        case(name, "is closed", Content::Mode(0, b"x".to_vec()), nothing()),
    ]
}

/// Documents that are documents, and mean nothing.
fn meanings() -> Vec<Case> {
    let installs = "package-installs.yaml";
    let layout = "block-device-default.yaml";
    [
        (
            installs,
            "x: y\n",
            "1:4: what is said of x must be a mapping, not a text",
        ),
        (
            installs,
            "x:\n  arhc: amd64\n",
            "2:3: there is no key \"arhc\"; did you mean arch?",
        ),
        (installs, "x:\n  phase: root.d\n", "2:10: there is no phase"),
        (installs, "x:\n  phase: [install.d]\n", "2:10: "),
        (installs, "x:\n  uninstall: maybe\n", "2:14: "),
        (
            installs,
            "x:\n  uninstall: 99999999999999999999999999\n",
            "2:14: ",
        ),
        (installs, "x:\n  when: DIB_X\n", "2:9: "),
        (installs, "x:\n  when: [[A = 1]]\n", "2:10: "),
        (installs, "x:\n  arch: a\n  not-arch: b\n", "3:3: "),
        (installs, "--allow-downgrades:\n", "1:1: "),
        (installs, "'a b':\n", "1:1: "),
        (installs, "? [x]\n: y\n", "1:3: "),
        (installs, "<<: x\n", "1:5: "),
        ("pkg-map", "{\"distros\": {}}", "1:2: "),
        ("pkg-map", "{\"family\": []}", "1:12: "),
        ("pkg-map", "{\"family\": {\"debian\": \"x\"}}", "1:23: "),
        ("pkg-map", "{\"default\": {\"x\": [\"a\"]}}", "1:19: "),
        ("pkg-map", "{\"release\": {\"debian\": {\"x\": \"y\"}}}", "1:30: "),
        ("svc-map", "ssh: sshd\n", "1:6: "),
        ("svc-map", "ssh:\n  default: [a, b]\n", "2:12: "),
        (layout, "- no_such_module: {}\n", "1:"),
        (layout, "- mkfs:\n    name: x\n    base: nowhere\n", ""),
        (layout, "- local_loop: {name: image0, size: many}\n", "1:"),
        (
            layout,
            "- local_loop: {name: image0, size: 99999999999999999999999G}\n",
            "1:",
        ),
        (
            layout,
            "- local_loop: {name: image0, directory: /x, colour: red}\n",
            "1:",
        ),
        (
            layout,
            "- local_loop: {name: a}\n- mkfs: {name: b, base: a, type: nofs, mount: {mount_point: /}}\n",
            "2:",
        ),
        (
            layout,
            "- local_loop: {name: a}\n- mkfs: {name: b, base: a, mount: {mount_point: ../x}}\n",
            "2:",
        ),
        (layout, "- local_loop: {name: a}\n- local_loop: {name: a}\n", "2:"),
        (
            layout,
            "- mkfs: {name: a, base: b}\n- mkfs: {name: b, base: a}\n",
            "",
        ),
    ]
    .into_iter()
    .enumerate()
    .map(|(number, (name, text, says))| {
        let expected = Refused(format!("/{BROKEN}/{name}:{says}"));
        case(name, &format!("means nothing, {number}"), file(text), expected)
    })
    .collect()
}
