//! What a layer's maker tells of it.

use serde::{Deserialize, Serialize};

/// Where a layer comes from and what went into it, for people and for the commands that explain a build.
///
/// The store keeps it in the pack, verified like the rest, and understands none of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerDescription {
    /// The phase that the layer was made in.
    pub phase: String,
    /// The hook that made it, or the last of several.
    pub hook: String,
    /// The element of that hook.
    pub element: String,
    /// What went into the key, by name.
    pub inputs: Vec<LayerInput>,
    /// The packages that went into it.
    pub packages: Vec<LayerPackage>,
    /// The files of the image cache that went into it.
    #[serde(default)]
    pub downloads: Vec<LayerDownload>,
    /// The entries of the build's journal that belong to it.
    pub journal: Vec<serde_json::Value>,
    /// What else its maker needs to go on from it, such as device nodes that could not be made in the tree.
    pub details: serde_json::Value,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// What it holds; [`LayerStore::write`](crate::LayerStore::write) counts it.
    pub sizes: LayerSizes,
}

impl LayerDescription {
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("all keys in it are text")
    }
}

/// One thing that went into a layer's key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerInput {
    /// What it is, such as `variable DIB_RELEASE`.
    pub name: String,
    /// Its value, or its digest where the value is long.
    pub value: String,
}

/// A package that went into a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its file's checksum, in hexadecimal digits.
    pub checksum: String,
}

/// A file of the image cache that went into a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerDownload {
    /// Its name in the cache.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// How much a layer holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerSizes {
    /// How many entries: files, directories, links, whiteouts and the rest, without the root itself.
    pub entries: u64,
    /// How many bytes its files hold, without holes.
    pub bytes: u64,
}
