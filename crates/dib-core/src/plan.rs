//! The plan: everything a build will do, worked out before it does anything.

mod display;
mod elements;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use elements::PlannedElement;

use crate::element::InvalidElementName;
use crate::variables::{CyclicDefault, Origin};
use crate::{BaseElement, ElementName, HookFn, HookName, ImageSpec, Phase, Registry, Variables};

/// What an element provides that installs the packages of a plan.
const PACKAGE_INSTALLER: &str = "package-installer";

/// Everything a build will do.
#[derive(Debug, Clone)]
pub struct Plan<'r> {
    elements: Vec<PlannedElement<'r>>,
    hooks: Vec<PlannedHook>,
    packages: Vec<PlannedPackage>,
    variables: Variables,
    spec: ImageSpec,
}

/// A hook of a build.
#[derive(Clone)]
pub struct PlannedHook {
    /// The phase it runs in.
    pub phase: Phase,
    /// Its name.
    pub name: HookName,
    /// The element it comes from.
    pub element: ElementName,
    /// What it does.
    pub function: HookFn,
}

impl fmt::Debug for PlannedHook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.d/{} of {}", self.phase, self.name, self.element)
    }
}

/// A package to install and who wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPackage {
    /// The package's name.
    pub name: String,
    /// The element that declares it, or `None` when the user asked for it.
    pub element: Option<ElementName>,
}

/// Why an element is part of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The user asked for it.
    Asked,
    /// `base` comes along unasked.
    AlwaysIncluded,
    /// Another element depends on it.
    DependencyOf(ElementName),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => formatter.write_str("asked for"),
            Self::AlwaysIncluded => formatter.write_str("always included"),
            Self::DependencyOf(element) => write!(formatter, "{element} depends on it"),
        }
    }
}

/// A spec that no plan can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No element was named.
    #[error("no element was named")]
    NoElements,
    /// A name given is none.
    #[error(transparent)]
    InvalidName(#[from] InvalidElementName),
    /// An element is not known.
    #[error("there is no element {element} ({reason})")]
    MissingElement {
        /// The name.
        element: String,
        /// Who wanted it.
        reason: Reason,
        /// The known name that is most like it.
        nearest: Option<ElementName>,
    },
    /// Two elements of the build provide the same.
    #[error("{first} and {second} both provide {provided}")]
    ProvidedTwice {
        /// What both provide.
        provided: ElementName,
        /// The one.
        first: ElementName,
        /// The other.
        second: ElementName,
    },
    /// The user asked for an element that another one provides.
    #[error("{asked} was asked for, but {provider} provides it already")]
    AlreadyProvided {
        /// What was asked for.
        asked: ElementName,
        /// What provides it.
        provider: ElementName,
    },
    /// No element of the build makes a root file system.
    #[error("none of the elements provides an operating system")]
    NoOperatingSystem {
        /// The elements that would.
        known: Vec<ElementName>,
    },
    /// Packages are wanted, but no element of the build installs any.
    #[error("no element of the build installs packages, but {} is wanted", .package.name)]
    NothingInstalls {
        /// One of the packages.
        package: PlannedPackage,
    },
    /// Two hooks of one name in one phase.
    #[error("the elements {first} and {second} both have a hook {hook} in phase {phase}")]
    DuplicateHook {
        /// The phase.
        phase: Phase,
        /// The hook's name.
        hook: HookName,
        /// The one element.
        first: ElementName,
        /// The other.
        second: ElementName,
    },
    /// A default leads back to itself.
    #[error(transparent)]
    CyclicDefault(#[from] CyclicDefault),
}

impl PlanError {
    /// Says what the user can do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoElements => Some("name at least a distribution, as in `dib build ubuntu`".to_owned()),
            Self::MissingElement {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean {nearest}?")),
            Self::MissingElement { .. } => Some("`dib elements` lists the elements there are".to_owned()),
            Self::NoOperatingSystem { known } => {
                let names: Vec<_> = known.iter().map(ElementName::as_str).collect();
                Some(format!("add one of: {}", names.join(", ")))
            }
            Self::ProvidedTwice { first, second, .. } => Some(format!("leave out {first} or {second}")),
            Self::AlreadyProvided { asked, .. } => Some(format!("leave out {asked}")),
            Self::NothingInstalls { package } => {
                let wanted_by = package.element.as_ref().map_or_else(
                    || "-p asks for it".to_owned(),
                    |element| format!("{element} wants it"),
                );
                Some(format!(
                    "{wanted_by}; add an element that provides {PACKAGE_INSTALLER}, such as dpkg"
                ))
            }
            _ => None,
        }
    }
}

impl<'r> Plan<'r> {
    /// Works out what a build does.
    ///
    /// It is pure: it reads nothing but its arguments and has no effect.
    ///
    /// ```
    /// use dib_core::{Element, ImageSpec, Plan, Registry};
    ///
    /// let mut registry = Registry::new();
    /// registry.add(Element::new("base")).unwrap();
    /// registry.add(Element::new("ubuntu").provides(&["operating-system"])).unwrap();
    /// let plan = Plan::resolve(&registry, &ImageSpec::of_elements(&["ubuntu"])).unwrap();
    /// assert_eq!(plan.elements().len(), 2);
    /// ```
    ///
    /// # Errors
    /// When an element is missing or provided twice, when not exactly one provides the operating system, when two
    /// hooks of a phase share a name, when packages are wanted that no element installs, or when a variable's default
    /// leads back to itself.
    pub fn resolve(registry: &'r Registry, spec: &ImageSpec) -> Result<Self, PlanError> {
        let elements = planned_elements(registry, spec)?;
        let hooks = planned_hooks(&elements)?;
        let packages = planned_packages(&elements, &spec.packages);
        check_packages(&elements, &packages)?;
        let declared = elements.iter().flat_map(|planned| {
            planned
                .element
                .variables()
                .iter()
                .map(|variable| (planned.element.name(), variable))
        });
        let set_by_build = build_variables(spec, &elements);
        let mut known = spec.variables.clone();
        known.extend(set_by_build.clone());
        let mut variables = Variables::resolve(&known, declared)?;
        for (name, value) in &set_by_build {
            variables.set(name, value, Origin::Build);
        }
        Ok(Self {
            elements,
            hooks,
            packages,
            variables,
            spec: spec.clone(),
        })
    }

    /// Returns the elements, by name.
    #[must_use]
    pub fn elements(&self) -> &[PlannedElement<'r>] {
        &self.elements
    }

    /// Returns the hooks in the order in which they run.
    #[must_use]
    pub fn hooks(&self) -> &[PlannedHook] {
        &self.hooks
    }

    /// Returns a phase's hooks in the order in which they run.
    pub fn hooks_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedHook> {
        self.hooks.iter().filter(move |hook| hook.phase == phase)
    }

    /// Returns whether an element of the build declares the variable.
    #[must_use]
    pub fn declares(&self, variable: &str) -> bool {
        let mut declared = self
            .elements
            .iter()
            .flat_map(|planned| planned.element.variables());
        declared.any(|candidate| candidate.name == variable)
    }

    /// Returns the packages that are installed, those of elements first.
    #[must_use]
    pub fn packages(&self) -> &[PlannedPackage] {
        &self.packages
    }

    /// Returns the variables as far as they are known before the build begins.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Returns what the user asked for.
    #[must_use]
    pub fn spec(&self) -> &ImageSpec {
        &self.spec
    }
}

fn planned_elements<'r>(
    registry: &'r Registry,
    spec: &ImageSpec,
) -> Result<Vec<PlannedElement<'r>>, PlanError> {
    let mut asked = Vec::with_capacity(spec.elements.len() + 1);
    for name in &spec.elements {
        asked.push(name.parse::<ElementName>()?);
    }
    if asked.is_empty() {
        return Err(PlanError::NoElements);
    }
    let named_base = asked.iter().any(|name| name.as_str() == "base");
    if spec.base == BaseElement::Included && !named_base {
        asked.insert(0, "base".parse()?);
    }
    let mut elements = elements::expand(registry, &asked)?;
    if !named_base {
        for planned in elements
            .iter_mut()
            .filter(|planned| planned.element.name().as_str() == "base")
        {
            if planned.reason == Reason::Asked {
                planned.reason = Reason::AlwaysIncluded;
            }
        }
    }
    Ok(elements)
}

fn planned_hooks(elements: &[PlannedElement<'_>]) -> Result<Vec<PlannedHook>, PlanError> {
    let mut hooks: Vec<PlannedHook> = elements
        .iter()
        .flat_map(|planned| planned.element.hooks().iter().map(|hook| (planned.element, hook)))
        .map(|(element, hook)| PlannedHook {
            phase: hook.phase,
            name: hook.name.clone(),
            element: element.name().clone(),
            function: hook.function,
        })
        .collect();
    hooks.sort_by(|left, right| {
        left.phase
            .cmp(&right.phase)
            .then_with(|| left.name.cmp(&right.name))
    });
    for pair in hooks.windows(2) {
        if pair[0].phase == pair[1].phase && pair[0].name == pair[1].name {
            return Err(PlanError::DuplicateHook {
                phase: pair[0].phase,
                hook: pair[0].name.clone(),
                first: pair[0].element.clone(),
                second: pair[1].element.clone(),
            });
        }
    }
    Ok(hooks)
}

fn planned_packages(elements: &[PlannedElement<'_>], asked: &[String]) -> Vec<PlannedPackage> {
    let declared = elements.iter().flat_map(|planned| {
        let owner = |name: &String| PlannedPackage {
            name: name.clone(),
            element: Some(planned.element.name().clone()),
        };
        planned.element.package_names().iter().map(owner)
    });
    declared
        .chain(asked.iter().map(|name| PlannedPackage {
            name: name.clone(),
            element: None,
        }))
        .collect()
}

/// Checks that somebody installs the packages that are wanted.
fn check_packages(elements: &[PlannedElement<'_>], packages: &[PlannedPackage]) -> Result<(), PlanError> {
    let installs = |planned: &PlannedElement<'_>| planned.element.provides_name(PACKAGE_INSTALLER);
    match packages.first() {
        Some(package) if !elements.iter().any(installs) => Err(PlanError::NothingInstalls {
            package: package.clone(),
        }),
        _ => Ok(()),
    }
}

/// Returns the variables that the build sets and knows before it begins.
fn build_variables(spec: &ImageSpec, elements: &[PlannedElement<'_>]) -> BTreeMap<String, String> {
    let names: Vec<_> = elements
        .iter()
        .map(|planned| planned.element.name().as_str())
        .collect();
    let checksums: Vec<_> = spec.output.checksums.iter().map(|kind| kind.name()).collect();
    let offline = match spec.freshness {
        crate::Freshness::Checked => "",
        crate::Freshness::Unchecked => "1",
    };
    let checksums = if checksums.is_empty() {
        "0".to_owned()
    } else {
        checksums.join(",")
    };
    let arguments = spec.variables.get("DIB_ARGS").cloned().unwrap_or_default();
    [
        ("ARCH", spec.arch.to_string()),
        ("DIB_ARGS", arguments),
        ("DIB_CHECKSUM", checksums),
        ("DIB_DEBUG_TRACE", spec.trace.to_string()),
        ("DIB_IMAGE_CACHE", spec.image_cache.to_string()),
        ("DIB_OFFLINE", offline.to_owned()),
        ("DIB_ROOT_LABEL", spec.output.root_label.clone()),
        ("IMAGE_ELEMENT", names.join(" ")),
        ("IMAGE_NAME", spec.output.base.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
