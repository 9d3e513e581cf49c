//! What a pack holds, and what its file is called.

use std::ffi::OsStr;
use std::fmt;

use crate::LayerKey;

/// What a pack of a store holds, and the key that it is found by.
///
/// ```
/// use dib_layers::{LayerKey, PackName};
///
/// let key = LayerKey::from([0xab; 32]);
/// assert_eq!(PackName::Image(key).to_string(), format!("image {key}"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackName {
    /// What hooks changed in the tree.
    Layer(LayerKey),
    /// What a build came to.
    Image(LayerKey),
}

impl PackName {
    /// Returns the key.
    #[must_use]
    pub fn key(&self) -> &LayerKey {
        match self {
            Self::Layer(key) | Self::Image(key) => key,
        }
    }

    /// Returns the name of the pack's file.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.{}", self.key(), self.noun())
    }

    /// Returns what the file of this name holds, if it is a pack.
    pub(crate) fn of_file(name: &OsStr) -> Option<Self> {
        let (key, noun) = name.to_str()?.split_once('.')?;
        let key = key.parse().ok()?;
        [Self::Layer(key), Self::Image(key)]
            .into_iter()
            .find(|pack| pack.noun() == noun)
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Layer(_) => "layer",
            Self::Image(_) => "image",
        }
    }
}

impl fmt::Display for PackName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.noun(), self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::PackName;
    use crate::LayerKey;

    #[test]
    fn a_file_is_named_after_what_it_holds() {
        let key = LayerKey::from([1; 32]);
        for pack in [PackName::Layer(key), PackName::Image(key)] {
            assert_eq!(PackName::of_file(pack.file_name().as_ref()), Some(pack));
        }
        for other in [
            "lock".to_owned(),
            format!("{key}"),
            format!("{key}.raw"),
            format!("{key}.layer.old"),
        ] {
            assert_eq!(PackName::of_file(other.as_ref()), None, "{other}");
        }
    }
}
