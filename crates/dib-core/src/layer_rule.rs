//! How long what a hook did stands for what it would do.

use std::fmt;
use std::str::FromStr;

/// What an element says of a hook that goes out by itself, to the network as a rule: how long what it did may be taken from
/// an earlier build, as long as all that is seen of it is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LayerRule {
    /// As long as the index of the archive is unchanged that the image's packages come from.
    #[default]
    Archive,
    /// For ever: nothing else has a part in it.
    Stable,
    /// For so many seconds.
    Expires(u64),
    /// Never: it is run in each build.
    Volatile,
}

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} says nothing of how long a hook's work holds: \"archive\", \"stable\", \"volatile\" and \"expires\" with a number and s, m, h or d do"
)]
pub struct InvalidLayerRule(pub String);

impl FromStr for LayerRule {
    type Err = InvalidLayerRule;

    fn from_str(text: &str) -> Result<Self, InvalidLayerRule> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let rule = match words.as_slice() {
            ["archive"] => Some(Self::Archive),
            ["stable"] => Some(Self::Stable),
            ["volatile"] => Some(Self::Volatile),
            ["expires", time] => seconds(time).map(Self::Expires),
            _ => None,
        };
        rule.ok_or_else(|| InvalidLayerRule(text.to_owned()))
    }
}

/// Reads a time such as `12h`.
fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit)
}

impl fmt::Display for LayerRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive => formatter.write_str("archive"),
            Self::Stable => formatter.write_str("stable"),
            Self::Volatile => formatter.write_str("volatile"),
            Self::Expires(seconds) => write!(formatter, "expires {seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        for (text, expected) in [
            ("archive", LayerRule::Archive),
            ("stable", LayerRule::Stable),
            ("volatile", LayerRule::Volatile),
            ("expires 90s", LayerRule::Expires(90)),
            ("expires  2h", LayerRule::Expires(7200)),
            ("expires 1d", LayerRule::Expires(86400)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "expires",
            "expires soon",
            "expires 5",
            "expires -1d",
            "stable 1d",
            "expires d",
            "expires 99999999999999999999d",
        ] {
            assert_eq!(text.parse::<LayerRule>(), Err(InvalidLayerRule(text.to_owned())));
        }
    }
}
