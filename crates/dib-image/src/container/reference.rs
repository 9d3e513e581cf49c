//! What a container image is called.

use std::fmt;
use std::str::FromStr;

/// The tag where none is given.
const USUAL_TAG: &str = "latest";
const LONGEST_TAG: usize = 128;

/// The name of a container image and its tag, such as `example.org/team/debian:12`.
///
/// Source: the grammar of `distribution/reference`, which Docker uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerReference {
    name: String,
    tag: String,
}

/// A text that names no container image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name of a container image: it is made of lower-case letters, digits and single separators, with a tag \
     behind a colon or none"
)]
pub struct InvalidReference(pub String);

impl ContainerReference {
    /// Returns the tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns the name with the registry that Docker takes where none is given.
    pub(super) fn full(&self) -> String {
        match self.name.split_once('/') {
            None => format!("docker.io/library/{self}"),
            Some((first, _)) if is_registry(first) => self.to_string(),
            Some(_) => format!("docker.io/{self}"),
        }
    }
}

/// Returns whether a name's first part is that of a registry, and not of a user.
fn is_registry(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

impl FromStr for ContainerReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let invalid = || InvalidReference(text.to_owned());
        // A colon before a slash belongs to a registry's port.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, USUAL_TAG),
        };
        let path = match name.split_once('/') {
            Some((first, path)) if is_registry(first) => {
                let (host, port) = first.split_once(':').unwrap_or((first, "0"));
                let is_host = !host.is_empty()
                    && host
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
                if !is_host || port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(invalid());
                }
                path
            }
            _ => name,
        };
        if !path.split('/').all(is_path_component) || !is_tag(tag) {
            return Err(invalid());
        }
        Ok(Self {
            name: name.to_owned(),
            tag: tag.to_owned(),
        })
    }
}

/// Letters and digits, between them a dot, one or two underscores, or any number of dashes.
fn is_path_component(component: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let words = component
        .split(is_letter)
        .filter(|separator| !separator.is_empty());
    component.starts_with(is_letter)
        && component.ends_with(is_letter)
        && words.into_iter().all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= LONGEST_TAG
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || b".-".contains(&byte))
}

impl fmt::Display for ContainerReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.name, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let parsed = text.parse::<ContainerReference>();
        let shown = parsed.map(|reference| (reference.to_string(), reference.full()));
        let expected = expected.map(|(short, full)| (short.to_owned(), full.to_owned()));
        assert_eq!(shown.ok(), expected, "{text}");
    }

    #[test]
    fn names_and_tags() {
        check(
            "debian",
            Some(("debian:latest", "docker.io/library/debian:latest")),
        );
        check(
            "team/my-image:12.1",
            Some(("team/my-image:12.1", "docker.io/team/my-image:12.1")),
        );
        check(
            "example.org:5000/a__b/c--d",
            Some((
                "example.org:5000/a__b/c--d:latest",
                "example.org:5000/a__b/c--d:latest",
            )),
        );
        check("localhost/x:Y_z", Some(("localhost/x:Y_z", "localhost/x:Y_z")));
        for text in [
            "", ":", "Debian", "a:", "a:-b", "a//b", "/a", "a/", "-a", "a-", "a..b", "a___b", "a b", "é",
            "a:b:c", "x.y:/a",
        ] {
            check(text, None);
        }
    }
}
