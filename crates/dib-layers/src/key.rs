//! What a layer is found by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The digest of everything that went into a layer, shown as 64 lowercase hexadecimal digits.
///
/// ```
/// use dib_layers::LayerKey;
///
/// let key = LayerKey::from([0xab; 32]);
/// assert_eq!(key.to_string().parse(), Ok(key));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerKey([u8; 32]);

/// Text that is not a layer's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a layer's key of 64 lowercase hexadecimal digits")]
pub struct InvalidLayerKey {
    text: String,
}

impl LayerKey {
    /// Returns the key's 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for LayerKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for LayerKey {
    type Err = InvalidLayerKey;

    fn from_str(text: &str) -> Result<Self, InvalidLayerKey> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let parse = || {
            let mut key = [0; 32];
            let digits = <&[u8; 64]>::try_from(text.as_bytes()).ok()?;
            for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = digit(pair[0])? * 16 + digit(pair[1])?;
            }
            Some(Self(key))
        };
        parse().ok_or_else(|| InvalidLayerKey {
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for LayerKey {
    type Error = InvalidLayerKey;

    fn try_from(text: String) -> Result<Self, InvalidLayerKey> {
        text.parse()
    }
}

impl From<LayerKey> for String {
    fn from(key: LayerKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for LayerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for LayerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LayerKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::LayerKey;

    #[test]
    fn only_64_lowercase_digits_are_a_key() {
        let key = LayerKey::from([0x5a; 32]);
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        for wrong in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.to_uppercase(),
            &text.replace('5', "g"),
            &"é".repeat(32),
        ] {
            assert!(wrong.parse::<LayerKey>().is_err(), "{wrong:?} was taken");
        }
    }
}
