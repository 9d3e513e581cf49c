//! The elements that a binary knows.

use std::collections::{BTreeMap, BTreeSet};

use crate::nearest::nearest;
use crate::{Element, ElementName};

/// The elements that a binary knows, by name.
///
/// Elements come by explicit registration: a crate offers `fn register(&mut Registry)` and the binary calls it.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    elements: BTreeMap<ElementName, Element>,
    /// The names of elements that stand in another's place.
    overriding: BTreeSet<ElementName>,
}

/// Two elements of one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the element {0} is registered already")]
pub struct DuplicateElement(pub ElementName);

impl Registry {
    /// Makes a registry that knows no element.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an element.
    ///
    /// # Errors
    /// When an element of that name is there already.
    pub fn add(&mut self, element: Element) -> Result<(), DuplicateElement> {
        if self.elements.contains_key(element.name()) {
            return Err(DuplicateElement(element.name().clone()));
        }
        self.elements.insert(element.name().clone(), element);
        Ok(())
    }

    /// Adds an element in the place of the one that has its name, if any has.
    pub fn add_over(&mut self, element: Element) {
        let name = element.name().clone();
        let element = match self.elements.get(&name) {
            Some(replaced) => {
                self.overriding.insert(name.clone());
                element.in_place_of(replaced)
            }
            None => element,
        };
        self.elements.insert(name, element);
    }

    /// Returns whether the element of that name stands in another's place.
    #[must_use]
    pub fn is_overriding(&self, name: &str) -> bool {
        self.overriding.contains(name)
    }

    /// Returns the element of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Element> {
        self.elements.get(name)
    }

    /// Visits the elements by name.
    pub fn iter(&self) -> impl Iterator<Item = &Element> {
        self.elements.values()
    }

    /// Returns the known name (of an element, or one that an element provides) that is most like `name`, if any
    /// is near.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&ElementName> {
        let known = || {
            self.elements
                .values()
                .flat_map(|element| std::iter::once(element.name()).chain(element.provided()))
        };
        let nearest = nearest(name, known().map(ElementName::as_str))?;
        known().find(|candidate| candidate.as_str() == nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_registered_once() {
        let mut registry = Registry::new();
        registry.add(Element::new("base")).unwrap();
        assert_eq!(
            registry.add(Element::new("base")),
            Err(DuplicateElement("base".parse().unwrap()))
        );
    }

    #[test]
    fn an_element_may_take_anothers_place() {
        let mut registry = Registry::new();
        registry.add(Element::new("base")).unwrap();
        registry.add_over(Element::new("base").about("another"));
        registry.add_over(Element::new("new"));
        assert_eq!(registry.get("base").map(Element::summary), Some("another"));
        assert!(registry.is_overriding("base"));
        assert!(!registry.is_overriding("new"));
    }

    #[test]
    fn the_nearest_name_is_found() {
        let mut registry = Registry::new();
        registry
            .add(Element::new("ubuntu").provides(&["operating-system"]))
            .unwrap();
        registry.add(Element::new("dpkg")).unwrap();
        let check = |name, expected: Option<&str>| {
            assert_eq!(
                registry.nearest(name).map(ElementName::as_str),
                expected,
                "for {name}"
            );
        };
        check("ubunut", Some("ubuntu"));
        check("ubuntu-minimal", None);
        check("dkpg", Some("dpkg"));
        check("operating_system", Some("operating-system"));
        check("zzz", None);
    }
}
