//! The target as a whole, for hooks that have another crate work on it: `dib-deb` installs a system's packages at once.
//!
//! What is done this way goes past the methods that record each effect, so whoever does it records it in one entry.

use std::collections::BTreeMap;

use dib_cache::Cache;
use dib_sys::TargetRoot;

use super::{HookContext, changing};
use crate::{Effect, Observer};

impl HookContext<'_> {
    /// Returns the image's root directory. Whoever changes it records that, as by [`HookContext::unpacked`].
    #[must_use]
    pub fn target(&self) -> &TargetRoot {
        self.build.target
    }

    /// Returns the image cache.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        self.saw_download("the cache");
        self.build.cache
    }

    /// Returns who watches the build.
    #[must_use]
    pub fn observer(&self) -> &dyn Observer {
        self.build.observer
    }

    /// Returns all variables that commands in the target get, as by [`HookContext::run`].
    #[must_use]
    pub fn command_environment(&self) -> BTreeMap<String, String> {
        changing::target_environment(self)
    }

    /// Records that packages were unpacked into the target; `alone` are those that dpkg had to unpack by itself, with the
    /// reason.
    pub fn unpacked(&self, packages: Vec<String>, alone: Vec<String>) {
        self.record(Effect::Unpack { packages, alone });
    }

    /// Records that so many packages were configured.
    pub fn configured(&self, packages: usize) {
        self.record(Effect::Configure { packages });
    }
}
