//! Which packages a build installs and removes.

use std::collections::BTreeMap;

use super::{PlanError, PlannedElement};
use crate::install_type::install_type;
use crate::package::Treatment;
use crate::{Arch, Element, ElementName, ImageSpec, PackageRule, Phase, Variables};

/// What an element provides that installs the packages of a plan.
pub(super) const PACKAGE_INSTALLER: &str = "package-installer";

/// A package to install or remove, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPackage {
    /// The package's name.
    pub name: String,
    /// The name that the element declares, where its map makes the package's of it.
    pub declared_as: Option<String>,
    /// The first element that wants it, or `None` when the user asked for it.
    pub element: Option<ElementName>,
    /// The other elements that want it.
    pub also_wanted_by: Vec<ElementName>,
    /// The phase in which it is done: one of [`PackageRule::PHASES`], or `root` for packages of the base system.
    pub phase: Phase,
    /// What is done.
    pub action: PackageAction,
}

/// What is done with a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageAction {
    /// It is installed, when its phase begins.
    Install,
    /// It is removed, when its phase ends.
    Uninstall,
}

/// Works out the packages by phase; within a phase by element, those that the user asked for last.
///
/// Source: `collect_data` of upstream's `package-installs-squash`, but that a rule which doesn't hold has no say in
/// whether others' packages are removed, and that packages are compared by the names they have when they are installed.
pub(super) fn planned(
    elements: &[PlannedElement<'_>],
    spec: &ImageSpec,
    variables: &Variables,
) -> Result<Vec<PlannedPackage>, PlanError> {
    let mut packages = Vec::new();
    for planned in elements {
        for rule in planned.element.package_rules() {
            for name in names(planned.element, rule, spec.arch, variables)? {
                add(&mut packages, planned.element.name(), rule, name);
            }
        }
    }
    let asked = spec.packages.iter().map(|name| PlannedPackage {
        name: name.clone(),
        declared_as: None,
        element: None,
        also_wanted_by: Vec::new(),
        phase: Phase::PostInstall,
        action: PackageAction::Install,
    });
    for package in asked {
        push(&mut packages, package);
    }
    packages.sort_by_key(|package| package.phase);
    check_installer(elements, &packages)?;
    Ok(packages)
}

/// Returns the packages that a rule is about, none when it doesn't hold.
fn names<'e>(
    element: &'e Element,
    rule: &'e PackageRule,
    arch: Arch,
    variables: &Variables,
) -> Result<Vec<&'e str>, PlanError> {
    let holds = rule.holds_for_install_type(install_type(element.name().as_str(), variables))
        && rule.holds_on(arch)
        && rule.holds_for_python(variables.get("DIB_PYTHON_VERSION"));
    if !holds {
        return Ok(Vec::new());
    }
    let distribution = variables.get("DISTRO_NAME").unwrap_or_default();
    let release = variables.get("DIB_RELEASE").unwrap_or_default();
    let names = match element.package_mapping() {
        Some(map) => map.map(rule.name(), distribution, release),
        None => vec![rule.name()],
    };
    // Where a package has no name there is nothing to decide, so nobody need have set the variables.
    if names.is_empty() {
        return Ok(names);
    }
    let mut all_true = true;
    for condition in rule.conditions() {
        let value = variables
            .get(condition.variable())
            .ok_or_else(|| PlanError::UnsetCondition {
                element: element.name().clone(),
                package: rule.name().to_owned(),
                variable: condition.variable().to_owned(),
            })?;
        all_true &= condition.is_true_of(value);
    }
    Ok(if all_true { names } else { Vec::new() })
}

/// Adds what a rule says of a package to what earlier rules said.
fn add(packages: &mut Vec<PlannedPackage>, element: &ElementName, rule: &PackageRule, name: &str) {
    let phase = rule.chosen_phase();
    let planned = |action| PlannedPackage {
        name: name.to_owned(),
        declared_as: (rule.name() != name).then(|| rule.name().to_owned()),
        element: Some(element.clone()),
        also_wanted_by: Vec::new(),
        phase,
        action,
    };
    let is_planned = |action| {
        packages
            .iter()
            .any(|package| package.phase == phase && package.action == action && package.name == name)
    };
    // Who wants a package for good wins over those who want it gone.
    let stays = is_planned(PackageAction::Install) && !is_planned(PackageAction::Uninstall);
    match rule.treatment() {
        Treatment::Installed => {
            packages.retain(|package| {
                package.phase != phase || package.action != PackageAction::Uninstall || package.name != name
            });
            push(packages, planned(PackageAction::Install));
        }
        Treatment::Uninstalled | Treatment::BuildOnly if stays => {}
        Treatment::Uninstalled => push(packages, planned(PackageAction::Uninstall)),
        Treatment::BuildOnly => {
            push(packages, planned(PackageAction::Install));
            push(packages, planned(PackageAction::Uninstall));
        }
    }
}

/// Adds a package, or to the one with which the same is done in the same phase who else wants it.
fn push(packages: &mut Vec<PlannedPackage>, package: PlannedPackage) {
    let same = packages.iter_mut().find(|other| {
        other.phase == package.phase && other.action == package.action && other.name == package.name
    });
    match (same, package.element) {
        (None, element) => packages.push(PlannedPackage { element, ..package }),
        (Some(other), Some(element))
            if other.element.as_ref() != Some(&element) && !other.also_wanted_by.contains(&element) =>
        {
            other.also_wanted_by.push(element);
        }
        _ => {}
    }
}

/// Checks that somebody installs the packages that are wanted.
fn check_installer(elements: &[PlannedElement<'_>], packages: &[PlannedPackage]) -> Result<(), PlanError> {
    // Upstream's own element, where it is used as a directory, does not say that it does.
    let installs = |planned: &PlannedElement<'_>| {
        planned.element.provides_name(PACKAGE_INSTALLER)
            || planned.element.name().as_str() == "package-installs"
    };
    match packages.first() {
        Some(package) if !elements.iter().any(installs) => Err(PlanError::NothingInstalls {
            package: package.clone(),
        }),
        _ => Ok(()),
    }
}

/// Works out what services are called in the image, by the names that elements have for them.
///
/// Source: `10-merge-svc-map-files` of upstream's element `svc-map`.
pub(super) fn services(
    elements: &[PlannedElement<'_>],
    variables: &Variables,
) -> Result<BTreeMap<String, String>, PlanError> {
    let distribution = variables.get("DISTRO_NAME").unwrap_or_default();
    let mut owners: BTreeMap<&str, &ElementName> = BTreeMap::new();
    let mut services = BTreeMap::new();
    for planned in elements {
        let name = planned.element.name();
        let Some(map) = planned.element.service_mapping() else {
            continue;
        };
        for service in map.services() {
            if let Some(first) = owners.insert(service, name) {
                return Err(PlanError::DuplicateService {
                    service: service.to_owned(),
                    first: first.clone(),
                    second: name.clone(),
                });
            }
            services.insert(service.to_owned(), map.map(service, distribution).to_owned());
        }
    }
    Ok(services)
}
