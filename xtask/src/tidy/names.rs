//! Names and lengths of source files.

use super::SourceFile;

/// The most lines that a file outside the tests may have.
const LONGEST: usize = 400;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Names that say nothing about what is in the file.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

/// Finds files that are too long or named against the rules, and crates that don't open with what they are for.
pub(super) fn check(files: &[SourceFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let path = &file.path;
        if path.file_name() == Some("mod.rs") {
            faults.push(format!("{path}: a module lies beside its directory, not in it"));
        }
        if let Some(name) = path
            .with_extension("")
            .components()
            .map(|part| part.as_str())
            .find(|part| EMPTY_NAMES.contains(part))
        {
            faults.push(format!("{path}: \"{name}\" names no subject"));
        }
        let lines = file.text.lines().count();
        if lines > LONGEST && !file.is_test() && !LONG_FILES.iter().any(|(long, _)| path == long) {
            faults.push(format!("{path}: {lines} lines, of {LONGEST} at most"));
        }
        let opens_a_crate = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
        if opens_a_crate && !file.text.starts_with("//! ") {
            faults.push(format!("{path}: a crate opens with what it is for"));
        }
    }
    for (long, _) in LONG_FILES {
        if !files
            .iter()
            .any(|file| file.path == *long && file.text.lines().count() > LONGEST)
        {
            faults.push(format!(
                "{long}: is no longer a long file and needs no leave to be one"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn names_and_lengths() {
        let long = "\n".repeat(LONGEST + 1);
        let good = [
            file("crates/a/src/lib.rs", "//! A crate.\n"),
            file("crates/a/src/common_name.rs", ""),
            file("crates/a/src/b/tests.rs", &long),
            file("tests/src/c.rs", &long),
            file("docs/long.md", &long),
        ];
        assert_eq!(check(&good), Vec::<String>::new());
        let bad = [
            file("crates/a/src/lib.rs", "mod b;\n"),
            file("crates/a/src/b/mod.rs", ""),
            file("crates/a/src/utils.rs", ""),
            file("crates/a/src/helpers/c.rs", ""),
            file("crates/a/src/long.rs", &long),
        ];
        assert_eq!(
            check(&bad),
            [
                "crates/a/src/lib.rs: a crate opens with what it is for",
                "crates/a/src/b/mod.rs: a module lies beside its directory, not in it",
                "crates/a/src/utils.rs: \"utils\" names no subject",
                "crates/a/src/helpers/c.rs: \"helpers\" names no subject",
                "crates/a/src/long.rs: 401 lines, of 400 at most",
            ]
        );
    }
}
