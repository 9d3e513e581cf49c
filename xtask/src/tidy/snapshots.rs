//! Snapshots: each belongs to a test, and none waits for review.

use camino::{Utf8Path, Utf8PathBuf};

use super::SourceFile;

/// Finds snapshots whose test's file is gone and snapshots that nobody accepted.
pub(super) fn check(
    files: &[SourceFile],
    unaccepted: &[Utf8PathBuf],
    exists: impl Fn(&Utf8Path) -> bool,
) -> Vec<String> {
    let mut faults: Vec<String> = unaccepted
        .iter()
        .map(|path| format!("{path}: a snapshot that is neither accepted nor thrown away"))
        .collect();
    for file in files.iter().filter(|file| file.path.extension() == Some("snap")) {
        // insta's header names the test's file, from the workspace's root.
        let source = file
            .text
            .lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix("source: "));
        match source.map(|source| Utf8Path::new(source.trim_matches('"'))) {
            None => faults.push(format!("{}: no header names its test's file", file.path)),
            Some(source) if !exists(source) => {
                faults.push(format!("{}: its test's file {source} is gone", file.path));
            }
            Some(_) => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn snapshots() {
        let files = [
            file(
                "a/snapshots/good.snap",
                "---\nsource: a/src/b.rs\nexpression: x\n---\ntext\n",
            ),
            file(
                "a/snapshots/orphan.snap",
                "---\nsource: a/src/gone.rs\n---\ntext\n",
            ),
            file("a/snapshots/headless.snap", "text\n"),
        ];
        assert_eq!(
            check(&files, &["a/snapshots/x.snap.new".into()], |path| path
                == "a/src/b.rs"),
            [
                "a/snapshots/x.snap.new: a snapshot that is neither accepted nor thrown away",
                "a/snapshots/orphan.snap: its test's file a/src/gone.rs is gone",
                "a/snapshots/headless.snap: no header names its test's file",
            ]
        );
    }
}
