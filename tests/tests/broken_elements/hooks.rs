//! Scripts that are hooks, in each of the phases.

use super::case::{BROKEN, Case, Content, Expected, file, link, program};
use Expected::{Builds, Fails, Ignored, Refused};

/// The directories of hooks, and whether these run in the target.
const PHASES: [(&str, bool); 10] = [
    ("root.d", false),
    ("extra-data.d", false),
    ("pre-install.d", true),
    ("install.d", true),
    ("post-install.d", true),
    ("post-root.d", false),
    ("block-device.d", false),
    ("pre-finalise.d", false),
    ("finalise.d", true),
    ("cleanup.d", false),
];

/// A script that tells that it runs.
const SCRIPT: &str = "#!/bin/bash\necho \"the hook runs\"\n";
/// The same without the line that says what runs it.
const BARE: &str = "echo \"the hook runs by ${BASH_VERSION:+bash}\"\n";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (directory, in_target) in PHASES {
        let mut of_phase = of_every_phase(directory);
        // One of each kind stands for the others: they are run in the same way.
        if ["root.d", "install.d"].contains(&directory) {
            of_phase.extend(of_one_phase(directory));
        }
        for case in of_phase {
            cases.push(if in_target { case.with_programs() } else { case });
        }
    }
    cases
}

fn case(directory: &str, (what, name, content, expected): Row<'_>) -> Case {
    let path = [format!("{BROKEN}/{directory}/").as_bytes(), name].concat();
    Case::new(format!("{directory} {what}"), expected).with(path, content)
}

/// What a hook is, its name, what stands there, and what is expected of it.
type Row<'n> = (&'static str, &'n [u8], Content, Expected);

/// The name of a hook.
const X: &[u8] = b"50-x";

fn runs() -> Expected {
    Builds("the hook runs".to_owned())
}

fn ignored() -> Expected {
    Ignored("the hook runs".to_owned())
}

fn fails(says: &str) -> Expected {
    Fails(says.to_owned())
}

fn of_every_phase(directory: &str) -> Vec<Case> {
    let path = format!("{directory}/50-x");
    let by_bash = Builds("the hook runs by bash".to_owned());
    let rows: Vec<Row<'_>> = vec![
        ("right", X, program(SCRIPT), runs()),
        ("without an interpreter", X, program(BARE), by_bash),
        ("not executable", X, file(SCRIPT), ignored()),
        ("with a dot", b"50-x.sh", program(SCRIPT), ignored()),
        ("leading nowhere", X, link("nowhere"), ignored()),
        ("a pipe", X, Content::Fifo, ignored()),
        (
            "with lines of Windows",
            X,
            program(SCRIPT.replace('\n', "\r\n")),
            fails("50-x has lines that end as on Windows"),
        ),
        (
            "binary",
            X,
            program(b"\0\x01\x02\x03"),
            fails("50-x is neither a script nor a program of Linux"),
        ),
        ("failing", X, program("#!/bin/bash\nexit 3\n"), fails(&path)),
    ];
    let mut cases: Vec<_> = rows.into_iter().map(|row| case(directory, row)).collect();
    let is_file = Refused(format!("/{BROKEN}/{directory} is not a directory"));
    cases.push(
        Case::new(format!("{directory} is a file"), is_file)
            .with(format!("{BROKEN}/{directory}"), program(SCRIPT)),
    );
    let phase = directory.trim_end_matches(".d");
    let twice = Refused(format!(
        "the elements broken and other both have a hook 50-x in phase {phase}"
    ));
    cases.push(
        case(directory, ("of two elements", X, program(SCRIPT), twice))
            .with(format!("other/{directory}/50-x"), program(SCRIPT))
            .asking_for(&["myorg-tiny", BROKEN, "other"]),
    );
    cases
}

fn of_one_phase(directory: &str) -> Vec<Case> {
    let path = format!("{directory}/50-x");
    let huge_interpreter = format!("#!/{}\n{BARE}", "x".repeat(4096));
    let by_bash = || Builds("the hook runs by bash".to_owned());
    let rows: Vec<Row<'_>> = vec![
        ("empty", X, program(""), Builds(path.clone())),
        ("of a huge name", &[b'a'; 255], program(SCRIPT), runs()),
        (
            "of ten megabytes",
            X,
            program([SCRIPT, &"# x\n".repeat(2_500_000)].concat()),
            runs(),
        ),
        ("a backup", b"50-x~", program(SCRIPT), ignored()),
        ("with a blank", b"50 x", program(SCRIPT), ignored()),
        ("with a line feed", b"50\nx", program(SCRIPT), ignored()),
        ("of other bytes", b"50-\xff", program(SCRIPT), ignored()),
        ("a directory", b"50-x/y", program(SCRIPT), ignored()),
        ("leading to itself", X, link("50-x"), ignored()),
        ("leading to a device", X, link("/dev/zero"), ignored()),
        ("a socket", X, Content::Socket, ignored()),
        (
            "of another machine",
            X,
            program(b"\x7fELF\x01\x02\x03"),
            fails(&path),
        ),
        (
            "with a missing interpreter",
            X,
            program("#!/no/such/shell -e\n"),
            fails("/no/such/shell"),
        ),
        (
            "with no interpreter",
            X,
            program(format!("#! \n{BARE}")),
            by_bash(),
        ),
        ("with a huge interpreter", X, program(huge_interpreter), by_bash()),
        (
            "with a mark of UTF-8",
            X,
            program(format!("\u{feff}{SCRIPT}")),
            runs(),
        ),
        (
            "killing itself",
            X,
            program("#!/bin/bash\nkill -9 $$\n"),
            fails(&path),
        ),
        (
            "of garbage",
            X,
            program((128..=255).collect::<Vec<u8>>()),
            fails(&path),
        ),
        ("closed", X, Content::Mode(0o111, SCRIPT.into()), runs()),
    ];
    let mut cases: Vec<_> = rows.into_iter().map(|row| case(directory, row)).collect();
    let place = format!("{BROKEN}/{directory}");
    cases.push(
        case(directory, ("leading to a script", X, link("../x"), runs()))
            .with(format!("{BROKEN}/x"), program(SCRIPT)),
    );
    cases.push(Case::new(format!("{directory} leads nowhere"), ignored()).with(&place, link("nowhere")));
    let to_itself = Refused(format!("/{place}: Too many levels of symbolic links"));
    cases.push(Case::new(format!("{directory} leads to itself"), to_itself).with(&place, link(directory)));
    cases
}
