//! Names by a pattern, as a shell has it.

/// Returns whether a name matches a pattern, in which `*` stands for any text and `?` for any byte.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    matches_bytes(pattern.as_bytes(), name.as_bytes())
}

fn matches_bytes(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|start| matches_bytes(rest, &name[start..])),
        Some((b'?', rest)) => !name.is_empty() && matches_bytes(rest, &name[1..]),
        Some((first, rest)) => name.first() == Some(first) && matches_bytes(rest, &name[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_names() {
        let check = |pattern: &str, name: &str, expected| {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        };
        check("*", "pbr-1.0", true);
        check("pbr-*", "pbr-1.0", true);
        check("pbr-?.0", "pbr-1.0", true);
        check("pbr", "pbr-1.0", false);
        check("*-*-*", "pbr-1.0", false);
        check("", "", true);
    }
}
