//! What takes room in an image: `DIB_SHOW_IMAGE_USAGE`.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use dib_core::Variables;
use indicatif::BinaryBytes;

use crate::error::{CliError, ErrorKind};

/// The least that is worth a line, in bytes, unless all is wanted.
const WORTH_A_LINE: u64 = 10 << 20;

/// Returns whether the user wants the report.
pub(crate) fn is_wanted(variables: &Variables) -> bool {
    is_set(variables, "DIB_SHOW_IMAGE_USAGE")
}

fn is_set(variables: &Variables, name: &str) -> bool {
    variables
        .get(name)
        .is_some_and(|value| !["", "0"].contains(&value))
}

/// Returns the report that the user wants, if any: directories and files, the largest first.
///
/// # Errors
/// When the tree can't be read.
pub(crate) fn report(tree: &Utf8Path, variables: &Variables) -> Result<Option<String>, CliError> {
    if !is_wanted(variables) {
        return Ok(None);
    }
    let (least, heading) = if is_set(variables, "DIB_SHOW_IMAGE_USAGE_FULL") {
        (0, "all of it".to_owned())
    } else {
        (WORTH_A_LINE, format!("from {} on", BinaryBytes(WORTH_A_LINE)))
    };
    let used = measure(tree.as_std_path()).map_err(|error| {
        CliError::new(ErrorKind::InputOutput, error).hint("DIB_SHOW_IMAGE_USAGE asks for it")
    })?;
    let mut text = format!("what takes room in the image, {heading}:\n");
    for (path, size) in used.iter().filter(|(_, size)| *size >= least) {
        // The root has an empty path.
        writeln!(
            text,
            "{:>12}  /{}",
            BinaryBytes(*size).to_string(),
            path.display()
        )
        .expect("a String takes all text");
    }
    Ok(Some(text))
}

/// Returns what each directory and file of a tree takes on its disk, with what is below it, the largest first.
///
/// As `du` has it, a file of several names counts once, and another file system's not at all.
fn measure(tree: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let metadata = fs::symlink_metadata(tree)?;
    let mut tally = Tally {
        device: metadata.dev(),
        tree,
        counted: HashSet::new(),
        used: Vec::new(),
    };
    tally.add(tree, &metadata)?;
    let mut used = tally.used;
    used.sort_by(|(left, left_size), (right, right_size)| right_size.cmp(left_size).then(left.cmp(right)));
    Ok(used)
}

struct Tally<'t> {
    device: u64,
    tree: &'t Path,
    counted: HashSet<u64>,
    used: Vec<(PathBuf, u64)>,
}

impl Tally<'_> {
    /// Adds a directory or file with what is below it, and returns its size.
    fn add(&mut self, path: &Path, metadata: &Metadata) -> io::Result<u64> {
        if metadata.dev() != self.device
            || (metadata.nlink() > 1 && !metadata.is_dir() && !self.counted.insert(metadata.ino()))
        {
            return Ok(0);
        }
        let mut size = metadata.blocks() * 512;
        if metadata.is_dir() {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                size += self.add(&entry.path(), &entry.metadata()?)?;
            }
        }
        let below = path.strip_prefix(self.tree).unwrap_or(path);
        self.used.push((below.to_owned(), size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use dib_core::variables::Origin;

    use super::*;

    fn report_with(tree: &Utf8Path, set: &[(&str, &str)]) -> Option<String> {
        let mut variables = Variables::default();
        for (name, value) in set {
            variables.set(name, value, Origin::User);
        }
        report(tree, &variables).unwrap()
    }

    #[test]
    fn the_largest_come_first_and_links_count_once() {
        let directory = tempfile::tempdir().unwrap();
        let tree = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir_all(tree.join("usr/lib")).unwrap();
        fs::write(tree.join("usr/lib/large"), vec![1; 12 << 20]).unwrap();
        fs::hard_link(tree.join("usr/lib/large"), tree.join("usr/lib/large too")).unwrap();
        fs::write(tree.join("small"), vec![1; 1 << 20]).unwrap();
        std::os::unix::fs::symlink("/", tree.join("usr/link")).unwrap();
        assert_eq!(report_with(tree, &[]), None);
        assert_eq!(report_with(tree, &[("DIB_SHOW_IMAGE_USAGE", "0")]), None);
        let text = report_with(tree, &[("DIB_SHOW_IMAGE_USAGE", "1")]).unwrap();
        let paths: Vec<_> = text
            .lines()
            .skip(1)
            .map(|line| line.rsplit("  ").next().unwrap())
            .collect();
        assert_eq!(paths.len(), 4, "{text}");
        assert_eq!(paths[..3], ["/", "/usr", "/usr/lib"]);
        let full = [("DIB_SHOW_IMAGE_USAGE", "1"), ("DIB_SHOW_IMAGE_USAGE_FULL", "1")];
        let text = report_with(tree, &full).unwrap();
        assert!(
            text.contains("  /small\n") && text.contains("  /usr/link\n"),
            "{text}"
        );
    }
}
