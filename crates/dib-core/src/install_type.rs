//! Install types: how an element gets at its software, such as from `source` or as a `package`.

use crate::Variables;

/// The install type where nobody chooses one.
const DEFAULT: &str = "source";

/// The install type that a hook is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallType {
    /// Whose type it is: an element's name as a rule, but an element may have hooks for several.
    pub of: String,
    /// What the type must be.
    pub name: String,
}

/// Returns the install type of an element, or of what else has one by that name: the value of `DIB_INSTALLTYPE_<name>`,
/// where `_` stands for `-`, else that of `DIB_DEFAULT_INSTALLTYPE`, else `source`.
///
/// Source: the README of diskimage-builder's element `install-types`.
#[must_use]
pub fn install_type<'v>(of: &str, variables: &'v Variables) -> &'v str {
    let own = format!("DIB_INSTALLTYPE_{}", of.replace('-', "_"));
    [own.as_str(), "DIB_DEFAULT_INSTALLTYPE"]
        .into_iter()
        .filter_map(|name| variables.get(name))
        .find(|value| !value.is_empty())
        .unwrap_or(DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::Origin;

    #[test]
    fn the_elements_own_then_the_default_then_source() {
        let element = "simple-init";
        let mut variables = Variables::default();
        assert_eq!(install_type(element, &variables), "source");
        variables.set("DIB_DEFAULT_INSTALLTYPE", "package", Origin::User);
        assert_eq!(install_type(element, &variables), "package");
        variables.set("DIB_INSTALLTYPE_simple_init", "", Origin::User);
        assert_eq!(install_type(element, &variables), "package");
        variables.set("DIB_INSTALLTYPE_simple_init", "repo", Origin::User);
        assert_eq!(install_type(element, &variables), "repo");
    }
}
