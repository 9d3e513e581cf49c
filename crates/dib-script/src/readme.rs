//! `README.rst`: what an element is for.

/// Returns the first sentence of a text in reStructuredText, without its final stop; nothing when there is none.
///
/// Headings, directives, comments and lists of fields are passed over.
pub(crate) fn first_sentence(text: &str) -> String {
    let paragraph = text
        .split("\n\n")
        .map(|block| {
            block
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
        })
        .filter_map(|lines| without_heading(&lines).map(|lines| lines.join(" ")))
        .find(|paragraph| !paragraph.starts_with("..") && !paragraph.starts_with(':'))
        .unwrap_or_default();
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph[..end].trim_end_matches(['.', ':']).replace("``", "`")
}

/// Returns the lines of a block without the heading that it begins with; nothing when there are no others.
fn without_heading<'l>(mut lines: &'l [&'l str]) -> Option<&'l [&'l str]> {
    loop {
        lines = match lines {
            [] => return None,
            [line, rest @ ..] if is_underline(line) => rest,
            [_, line, rest @ ..] if is_underline(line) => rest,
            _ => return Some(lines),
        };
    }
}

/// Returns whether a line consists of one punctuation character, as those below and above headings do.
fn is_underline(line: &str) -> bool {
    let mut characters = line.chars();
    let Some(first) = characters.next() else {
        return false;
    };
    line.len() > 1 && first.is_ascii_punctuation() && characters.all(|character| character == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(first_sentence(text), expected, "for {text:?}");
    }

    #[test]
    fn the_first_sentence_is_found() {
        check("", "");
        check(
            "==\nvm\n==\nSets up a\npartitioned disk. And more.\n",
            "Sets up a partitioned disk",
        );
        check(
            "==\nvm\n==\n\nSets up version 1.2\n\nMore.\n",
            "Sets up version 1.2",
        );
        check(
            "vm\n--\n\n.. note::\n   Old.\n\nUse ``vm`` so:\n\n * x\n",
            "Use `vm` so",
        );
        check("Just text.", "Just text");
        check("====\nonly\n====\n", "");
        check(":Author: me\n\nDoes it.\n", "Does it");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a=.: \n-]{0,40}") {
            let _ = first_sentence(&text);
        }
    }
}
