//! The page of measurements, `docs/performance.md`: a command replaces its own part and leaves the rest to people.

use std::fs;

use camino::Utf8Path;

use crate::task_error::TaskError;

/// Replaces what stands between the page's two comments that name a part.
pub(super) fn replace(page: &Utf8Path, part: &str, text: &str) -> Result<(), TaskError> {
    let old = fs::read_to_string(page).map_err(TaskError::file("read", page))?;
    let new = with_part(&old, part, text).ok_or_else(|| {
        TaskError::Check(format!(
            "{page} lacks the comments between which the measurement goes: {} and {}",
            begin(part),
            end(part)
        ))
    })?;
    fs::write(page, new).map_err(TaskError::file("write", page))
}

fn with_part(page: &str, part: &str, text: &str) -> Option<String> {
    let (begin, end) = (begin(part), end(part));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", text.trim()))
}

fn begin(part: &str) -> String {
    format!("<!-- {part}: written by cargo xtask, begin -->")
}

fn end(part: &str) -> String {
    format!("<!-- {part}: end -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_changes() {
        let page = format!("# A\n{}\nold\n{}\nb\n", begin("x"), end("x"));
        let expected = format!("# A\n{}\n\nnew\n\n{}\nb\n", begin("x"), end("x"));
        assert_eq!(with_part(&page, "x", "new\n").as_deref(), Some(expected.as_str()));
        assert_eq!(
            with_part(&expected, "x", "new").as_deref(),
            Some(expected.as_str())
        );
        assert_eq!(with_part(&page, "y", "new"), None);
    }
}
