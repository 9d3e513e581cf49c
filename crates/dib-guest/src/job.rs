//! What a virtual machine is to do.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a virtual machine is to do. Paths are the host's, but for the modules, which are in the initramfs.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    /// Kernel modules in the order in which they are loaded.
    pub(crate) modules: Vec<String>,
    /// The tag of the host's root directory.
    pub(crate) root: String,
    /// Directories that the command may write to, each with the tag of its share.
    pub(crate) writable: BTreeMap<String, String>,
    /// Directories that are empty and in memory.
    pub(crate) in_memory: Vec<String>,
    /// Commands that set up the network, run in the host's files.
    pub(crate) network: Vec<Vec<String>>,
    /// The resolver's file.
    pub(crate) resolver: String,
    /// The command and its arguments.
    pub(crate) command: Vec<String>,
    /// Its environment, all of it.
    pub(crate) environment: BTreeMap<String, String>,
    /// The directory that it runs in.
    pub(crate) directory: String,
    /// The file that gets its exit status.
    pub(crate) status: String,
}
