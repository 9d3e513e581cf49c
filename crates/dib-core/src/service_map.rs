//! Services that have other names elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The section of a service that holds where no other does.
const DEFAULT: &str = "default";

/// What an element's names of services stand for, by distribution.
///
/// Its serialised form is upstream's file `svc-map`. Source: the README and the hooks of diskimage-builder's element
/// `svc-map`.
///
/// ```
/// use dib_core::ServiceMap;
///
/// let map = ServiceMap::new().by_default("nova-api", "openstack-nova-api").on("debian", "nova-api", "nova-api");
/// assert_eq!(map.map("nova-api", "ubuntu"), "nova-api");
/// assert_eq!(map.map("nova-api", "fedora"), "openstack-nova-api");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceMap {
    services: BTreeMap<String, BTreeMap<String, String>>,
}

impl ServiceMap {
    /// Makes a map in which every service is called by its own name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names a service where nothing more specific does.
    #[must_use]
    pub fn by_default(self, service: &str, to: &str) -> Self {
        self.on(DEFAULT, service, to)
    }

    /// Names a service on a distribution, or on a family of them: `debian`, `redhat` or `suse`.
    #[must_use]
    pub fn on(mut self, distribution_or_family: &str, service: &str, to: &str) -> Self {
        let names = self.services.entry(service.to_owned()).or_default();
        names.insert(distribution_or_family.to_owned(), to.to_owned());
        self
    }

    /// Returns what a service is called on a distribution: by its own name where nothing else is said.
    #[must_use]
    pub fn map<'n>(&'n self, service: &'n str, distribution: &str) -> &'n str {
        let Some(names) = self.services.get(service) else {
            return service;
        };
        names
            .get(distribution)
            .or_else(|| names.get(crate::package_map::family(distribution)?))
            .or_else(|| names.get(DEFAULT))
            .map_or(service, String::as_str)
    }

    /// Visits the services that it says something of, by name.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_then_family_then_default() {
        let map = ServiceMap::new()
            .by_default("x", "of-default")
            .on("debian", "x", "of-family")
            .on("ubuntu", "x", "of-distribution")
            .on("suse", "y", "of-suse");
        let check = |service, distribution, expected| assert_eq!(map.map(service, distribution), expected);
        check("x", "ubuntu", "of-distribution");
        check("x", "debian", "of-family");
        check("x", "fedora", "of-default");
        check("y", "ubuntu", "y");
        check("z", "ubuntu", "z");
    }

    #[test]
    fn it_is_written_and_read_as_upstream_has_it() {
        let text = r#"{"nova-api":{"debian":"nova-api","default":"openstack-nova-api"}}"#;
        let map: ServiceMap = serde_json::from_str(text).unwrap();
        assert_eq!(map.map("nova-api", "rhel"), "openstack-nova-api");
        assert_eq!(serde_json::to_string(&map).unwrap(), text);
    }
}
