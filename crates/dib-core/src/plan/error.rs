//! Why no plan can be made of a spec.

use super::packages::PACKAGE_INSTALLER;
use super::{PlannedPackage, Reason};
use crate::element::InvalidElementName;
use crate::variables::CyclicDefault;
use crate::{Arch, ElementName, HookName, Phase, PlanPlace};

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
    /// No build can have the element.
    #[error("the element {element} can't be used: {why}")]
    Unusable {
        /// The element.
        element: ElementName,
        /// Why.
        why: String,
        /// Whether it stands in the place of another of its name, which the program brings.
        is_overriding: bool,
    },
    /// No build for that architecture can have the element.
    #[error("the element {element} is not for {arch}")]
    RefusedArch {
        /// The element.
        element: ElementName,
        /// The architecture.
        arch: Arch,
        /// What to do instead.
        advice: String,
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
    /// The build is to run again from a hook that it doesn't have.
    #[error("the plan has no hook {place}")]
    UnknownPlace {
        /// The hook's place.
        place: PlanPlace,
        /// The place of the hook that is most like it.
        nearest: Option<PlanPlace>,
    },
    /// Whether an element wants a package depends on a variable that is not set.
    #[error("whether {element} wants the package {package} depends on {variable}, which is not set")]
    UnsetCondition {
        /// The element.
        element: ElementName,
        /// The package, by the name that the element declares.
        package: String,
        /// The variable.
        variable: String,
    },
    /// Two elements say what a service is called.
    #[error("the elements {first} and {second} both map the service {service}")]
    DuplicateService {
        /// The service.
        service: String,
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
            Self::MissingElement { .. } => Some(
                "`dib elements` lists the elements there are; diskimage-builder has more, which are found where it is \
                 installed, or where DIB_UPSTREAM_ELEMENTS says"
                    .to_owned(),
            ),
            Self::Unusable {
                element,
                is_overriding: true,
                ..
            } => Some(format!(
                "without this directory on ELEMENTS_PATH, the built-in {element} is used"
            )),
            Self::RefusedArch { advice, .. } => Some(advice.clone()),
            Self::NoOperatingSystem { known } => {
                let names: Vec<_> = known.iter().map(ElementName::as_str).collect();
                Some(format!("add one of: {}", names.join(", ")))
            }
            Self::ProvidedTwice { first, second, .. } | Self::DuplicateService { first, second, .. } => {
                Some(format!("leave out {first} or {second}"))
            }
            Self::UnknownPlace {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean {nearest}?")),
            Self::UnknownPlace { .. } => Some("`dib plan` lists the hooks of a build".to_owned()),
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
            Self::UnsetCondition { variable, .. } => Some(format!(
                "set it, as in `{variable}=1 dib build …`, or have an element declare a default for it"
            )),
            _ => None,
        }
    }
}
