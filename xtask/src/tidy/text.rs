//! What must not stand in the text: leftovers, silenced lints, this or that machine.
//!
//! The patterns are put together from pieces, so that this file is as clean as the others.

use super::SourceFile;

/// Finds leftovers and silenced lints in Rust, and traces of a machine in any text.
pub(super) fn check(files: &[SourceFile]) -> Vec<String> {
    let leftovers = leftovers();
    let machines = machines();
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path != "Cargo.lock") {
        for (number, line) in (1..).zip(file.text.lines()) {
            let code = line.trim_start();
            if file.is_rust() && !code.starts_with("//") {
                for (pattern, reason) in &leftovers {
                    if code.contains(pattern) {
                        faults.push(format!("{}:{number}: {reason}", file.path));
                    }
                }
            }
            for (pattern, reason) in &machines {
                if holds_path_or_host(line, pattern) {
                    faults.push(format!("{}:{number}: {reason}", file.path));
                }
            }
        }
    }
    faults
}

fn leftovers() -> Vec<(String, &'static str)> {
    let macro_call = |first: &str, second: &str| format!("{first}{second}!(");
    vec![
        (
            format!("#[{}", "ignore"),
            "a test that is not run: run it, or make it a command of xtask",
        ),
        (macro_call("to", "do"), "unfinished"),
        (macro_call("unimpl", "emented"), "unfinished"),
        (macro_call("d", "bg"), "a print for debugging"),
        (
            format!("[{}(", "allow"),
            "a silenced lint: mend it, or expect it with a reason",
        ),
        (
            format!(", {}(", "allow"),
            "a silenced lint: mend it, or expect it with a reason",
        ),
    ]
}

fn machines() -> Vec<(String, &'static str)> {
    const PATH: &str = "a path of one machine";
    const HOST: &str = "the host name of a package server";
    let host = |parts: &[&str]| (parts.join("."), HOST);
    vec![
        (["", "work", ""].join("/"), PATH),
        (["", "home", "dibuser"].join("/"), PATH),
        (["", "root", ".cargo"].join("/"), PATH),
        host(&["deb", "debian", "org"]),
        host(&["ftp", "debian", "org"]),
        host(&["security", "debian", "org"]),
        host(&["snapshot", "debian", "org"]),
        host(&["static", "crates", "io"]),
        host(&["index", "crates", "io"]),
        host(&["proxy", "golang", "org"]),
        host(&["registry", "npmjs", "org"]),
        host(&["files", "pythonhosted", "org"]),
        host(&["", "pkg", "dev"]),
    ]
}

/// Looks for a pattern that begins a word: a path that goes on before it is another path.
fn holds_path_or_host(line: &str, pattern: &str) -> bool {
    line.match_indices(pattern).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        pattern.starts_with('.')
            || before.is_none_or(|char| {
                !char.is_alphanumeric() && !"-_.".contains(char) && (char != '/' || !pattern.starts_with('/'))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn leftovers_are_found_in_code_only() {
        for (pattern, _) in leftovers() {
            let text = format!("fn a() {{\n    {pattern} x\n    // {pattern}\n}}\n");
            assert_eq!(check(&[file("a.rs", &text)]).len(), 1, "{pattern}");
            assert_eq!(check(&[file("a.md", &text)]).len(), 0, "{pattern}");
        }
    }

    #[test]
    fn machines_are_found_in_all_text() {
        for (pattern, _) in machines() {
            let text = format!("see \"{pattern}x\"\n");
            assert_eq!(check(&[file("a.md", &text)]).len(), 1, "{pattern}");
            assert_eq!(check(&[file("Cargo.lock", &text)]).len(), 0, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_begins_a_word() {
        assert!(!holds_path_or_host("target/place/x", "/place/"));
        assert!(holds_path_or_host("in /place/x", "/place/"));
        assert!(holds_path_or_host("http://a.example.org", "a.example.org"));
        assert!(!holds_path_or_host("http://ba.example.org", "a.example.org"));
    }
}
