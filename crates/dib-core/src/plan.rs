//! The plan: everything a build will do, worked out before it does anything.

mod disk;
mod display;
mod elements;
mod error;
mod hooks;
mod packages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use disk::{PlannedBlockDevice, PlannedDisk, PlannedFileSystem};
pub use elements::PlannedElement;
pub use error::PlanError;
pub use hooks::PlannedHook;
pub use packages::{PackageAction, PlannedPackage};

use crate::variables::Origin;
use crate::{
    BaseElement, ChecksumKind, DiskImages, ElementName, ImageSpec, LayerUse, Phase, Registry, Variables,
};

/// The element of a build that leaves no image of a disk.
const NO_FINAL_IMAGE: &str = "no-final-image";

/// Everything a build will do.
#[derive(Debug, Clone)]
pub struct Plan<'r> {
    elements: Vec<PlannedElement<'r>>,
    hooks: Vec<PlannedHook>,
    packages: Vec<PlannedPackage>,
    services: BTreeMap<String, String>,
    variables: Variables,
    disk: PlannedDisk,
    spec: ImageSpec,
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
    /// hooks of a phase share a name, when packages are wanted that no element installs or that depend on an unset
    /// variable, when a service is mapped twice, when a variable's default leads back to itself, or when the build is to run
    /// again from a hook that it doesn't have.
    pub fn resolve(registry: &'r Registry, spec: &ImageSpec) -> Result<Self, PlanError> {
        let elements = planned_elements(registry, spec)?;
        let variables = planned_variables(&elements, spec, &BTreeMap::new())?;
        let spec = without_images_that_elements_forgo(spec, &elements);
        let hooks = hooks::planned(&elements, &variables)?;
        if let LayerUse::UsedBefore(place) = &spec.layers {
            hooks::require(&hooks, place)?;
        }
        Ok(Self {
            hooks,
            packages: packages::planned(&elements, &spec, &variables)?,
            services: packages::services(&elements, &variables)?,
            elements,
            variables,
            disk: PlannedDisk::default(),
            spec,
        })
    }

    /// Works out which elements a build has, by name, and nothing else of it.
    ///
    /// # Errors
    /// When an element is missing or provided twice, or when not exactly one provides the operating system.
    pub fn elements_of(
        registry: &'r Registry,
        spec: &ImageSpec,
    ) -> Result<Vec<PlannedElement<'r>>, PlanError> {
        planned_elements(registry, spec)
    }

    /// Works out the variables as far as they are known without a plan.
    ///
    /// # Errors
    /// As [`Plan::elements_of`], or when a variable's default leads back to itself.
    pub fn variables_of(registry: &'r Registry, spec: &ImageSpec) -> Result<Variables, PlanError> {
        planned_variables(&planned_elements(registry, spec)?, spec, &BTreeMap::new())
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

    /// Returns the packages that are installed and removed, by phase.
    #[must_use]
    pub fn packages(&self) -> &[PlannedPackage] {
        &self.packages
    }

    /// Returns the packages with which this is done in that phase.
    pub fn packages_of(&self, phase: Phase, action: PackageAction) -> impl Iterator<Item = &PlannedPackage> {
        self.packages
            .iter()
            .filter(move |package| package.phase == phase && package.action == action)
    }

    /// Returns what services are called in the image, by the names that elements have for them.
    #[must_use]
    pub fn services(&self) -> &BTreeMap<String, String> {
        &self.services
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

/// Leaves out the images of the disk where there shall be none: the element `no-final-image` says so as well.
///
/// Source: the README of diskimage-builder's element `no-final-image`; its archives of the tree are written still.
fn without_images_that_elements_forgo(spec: &ImageSpec, elements: &[PlannedElement<'_>]) -> ImageSpec {
    let mut spec = spec.clone();
    let forgone = elements
        .iter()
        .any(|planned| planned.element.name().as_str() == NO_FINAL_IMAGE);
    if forgone {
        spec.output.disk_images = DiskImages::Omitted;
    }
    if spec.output.disk_images == DiskImages::Omitted {
        spec.output.types.retain(|image_type| !image_type.is_disk());
    }
    spec
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
    let mut elements = elements::expand(registry, &asked, spec.arch)?;
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

fn planned_variables(
    elements: &[PlannedElement<'_>],
    spec: &ImageSpec,
    of_disk: &BTreeMap<String, String>,
) -> Result<Variables, PlanError> {
    let declared = elements.iter().flat_map(|planned| {
        planned
            .element
            .variables()
            .iter()
            .map(|variable| (planned.element.name(), variable))
    });
    let mut set_by_build = build_variables(spec, elements);
    set_by_build.extend(of_disk.clone());
    let mut known = spec.variables.clone();
    known.extend(spec.element_environment.clone());
    known.extend(set_by_build.clone());
    let mut variables = Variables::resolve(&known, declared)?;
    for (name, value) in &spec.element_environment {
        variables.set(name, value, Origin::EnvironmentFile);
    }
    for (name, value) in &set_by_build {
        variables.set(name, value, Origin::Build);
    }
    Ok(variables)
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
    let checksums = match checksums.len() {
        0 => "0".to_owned(),
        // What `--checksum` sets, and what some scripts ask for.
        all if all == ChecksumKind::ALL.len() => "1".to_owned(),
        _ => checksums.join(","),
    };
    let arguments = spec.variables.get("DIB_ARGS").cloned().unwrap_or_default();
    [
        ("ARCH", spec.arch.to_string()),
        ("DIB_ARGS", arguments),
        ("DIB_CHECKSUM", checksums),
        ("DIB_DEBUG_TRACE", spec.trace.to_string()),
        ("DIB_IMAGE_CACHE", spec.image_cache.to_string()),
        ("DIB_OFFLINE", offline.to_owned()),
        ("IMAGE_ELEMENT", names.join(" ")),
        ("IMAGE_NAME", spec.output.base.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
