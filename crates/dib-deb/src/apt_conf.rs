//! The one setting of the host's apt that matters here, from its configuration files (apt.conf(5)).

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::sources::{SourcesError, is_on};

/// The setting that says whether releases may be past their `Valid-Until`.
const CHECK_VALID_UNTIL: &str = "acquire::check-valid-until";

/// Returns whether the host's apt, whose directory is `etc_apt` (mostly `/etc/apt`), refuses releases that have expired.
/// It does unless `Acquire::Check-Valid-Until` says otherwise.
///
/// # Errors
/// When a file can't be read.
pub fn host_checks_valid_until(etc_apt: &Utf8Path) -> Result<bool, SourcesError> {
    let mut checks = true;
    for path in configuration_files(etc_apt)? {
        let bytes = fs::read(&path).map_err(|source| SourcesError::Read { path, source })?;
        for (name, value) in settings(&String::from_utf8_lossy(&bytes)) {
            if name == CHECK_VALID_UNTIL {
                checks = is_on(&value);
            }
        }
    }
    Ok(checks)
}

/// Returns what apt reads, in its order: the directory's files first.
fn configuration_files(etc_apt: &Utf8Path) -> Result<Vec<Utf8PathBuf>, SourcesError> {
    let directory = etc_apt.join("apt.conf.d");
    let mut files = Vec::new();
    if directory.is_dir() {
        let failed = |source| SourcesError::Read {
            path: directory.clone(),
            source,
        };
        for entry in directory.read_dir_utf8().map_err(failed)? {
            let path = entry.map_err(failed)?.into_path();
            let is_hidden = path.file_name().is_none_or(|name| name.starts_with('.'));
            let is_read = !is_hidden && matches!(path.extension(), None | Some("conf"));
            if is_read && path.is_file() {
                files.push(path);
            }
        }
        files.sort();
    }
    let last = etc_apt.join("apt.conf");
    files.extend(last.is_file().then_some(last));
    Ok(files)
}

/// Returns the settings of a file, names in lower case with those of their blocks before them.
fn settings(text: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut blocks: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for token in tokens(text) {
        match token.as_str() {
            "{" => blocks.push(words.join(" ").to_ascii_lowercase()),
            "}" => drop(blocks.pop()),
            ";" => {
                if let [name, value] = &*words {
                    let name = name.to_ascii_lowercase();
                    let name = blocks.iter().map(String::as_str).chain([name.as_str()]);
                    settings.push((name.collect::<Vec<_>>().join("::"), value.clone()));
                }
            }
            _ => {
                words.push(token);
                continue;
            }
        }
        words.clear();
    }
    settings
}

/// Splits a file into words, braces and semicolons; quotes around words and comments are gone.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return tokens;
        };
        let (token, length) = if rest.starts_with("//") || first == '#' {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, rest.find("*/").map_or(rest.len(), |end| end + 2))
        } else if "{};".contains(first) {
            (Some(&rest[..1]), 1)
        } else if first == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 1);
            (Some(&rest[1..end]), (end + 1).min(rest.len()))
        } else {
            let end = rest
                .find(|character: char| character.is_whitespace() || "{};\"".contains(character))
                .unwrap_or(rest.len());
            (Some(&rest[..end]), end)
        };
        tokens.extend(token.map(str::to_owned));
        rest = &rest[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(files: &[(&str, &str)]) -> bool {
        let directory = tempfile::tempdir().expect("a directory");
        let etc = Utf8Path::from_path(directory.path()).expect("a UTF-8 path");
        fs::create_dir(etc.join("apt.conf.d")).expect("a directory");
        for (name, text) in files {
            fs::write(etc.join(name), text).expect("a file");
        }
        host_checks_valid_until(etc).expect("files that can be read")
    }

    #[test]
    fn expired_releases_are_refused_unless_apt_is_told_otherwise() {
        assert!(checks(&[]));
        assert!(checks(&[(
            "apt.conf.d/10x",
            "// Acquire::Check-Valid-Until \"false\";\n"
        )]));
        assert!(!checks(&[(
            "apt.conf.d/10x",
            "Acquire::Check-Valid-Until \"false\";\n"
        )]));
        assert!(!checks(&[(
            "apt.conf",
            "APT { x \"1\"; };\nacquire /* of files */ { check-valid-until no; Retries \"3\" ; }\n"
        )]));
    }

    #[test]
    fn the_last_file_wins_and_others_are_not_read() {
        assert!(checks(&[
            ("apt.conf.d/10x", "Acquire::Check-Valid-Until \"0\";"),
            ("apt.conf.d/20x.conf", "Acquire::Check-Valid-Until \"1\";"),
            ("apt.conf.d/30x.save", "Acquire::Check-Valid-Until \"0\";"),
            ("apt.conf.d/.40x", "Acquire::Check-Valid-Until \"0\";"),
        ]));
    }

    #[test]
    fn what_is_cut_off_is_passed_over() {
        for text in ["a {", "a \"b", "}", "a /* b", "a::b c d;", "\"", "é\"é"] {
            assert!(checks(&[("apt.conf", text)]), "{text}");
        }
    }
}
