//! Elements: what an image is made of.

mod block_device;
mod name;

use camino::{Utf8Path, Utf8PathBuf};

pub use block_device::BlockDevice;
pub use name::{ElementName, InvalidElementName};

use crate::hook::InputsFn;
use crate::install_type::InstallType;
use crate::{
    Arch, Hook, HookBody, HookFn, HookName, LayerRule, PackageMap, PackageRule, Phase, ServiceMap, Variable,
};

/// An element: plain data and hook functions.
///
/// ```
/// use dib_core::{Element, HookContext, HookError, Phase, Variable};
///
/// fn harden_sshd(ctx: &HookContext<'_>) -> Result<(), HookError> {
///     let login = ctx.variable("MYORG_ROOT_LOGIN").unwrap_or("no");
///     ctx.write("/etc/ssh/sshd_config.d/50-myorg.conf", format!("PermitRootLogin {login}\n"), 0o644)
/// }
///
/// let element = Element::new("myorg-ssh")
///     .about("Hardens the SSH server as my organisation wants it")
///     .packages(&["openssh-server"])
///     .variable(Variable::new("MYORG_ROOT_LOGIN", "who may log in as root").default("no"))
///     .hook(Phase::PostInstall, "50-harden-sshd", harden_sshd);
/// assert_eq!(element.name().as_str(), "myorg-ssh");
/// ```
#[derive(Debug, Clone)]
pub struct Element {
    name: ElementName,
    about: String,
    depends_on: Vec<ElementName>,
    provides: Vec<ElementName>,
    package_rules: Vec<PackageRule>,
    package_map: Option<PackageMap>,
    service_map: Option<ServiceMap>,
    variables: Vec<Variable>,
    hooks: Vec<Hook>,
    programs: Vec<(String, String)>,
    block_devices: Vec<BlockDevice>,
    stands_in_for: Vec<StandIn>,
    refused_archs: Vec<(Arch, String)>,
    directory: Option<Utf8PathBuf>,
    layer_rules: Vec<(String, LayerRule)>,
    why_unusable: Option<String>,
}

/// A name for which an element comes along where nothing else provides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StandIn {
    pub(crate) name: ElementName,
    pub(crate) archs: Vec<Arch>,
}

impl Element {
    /// Makes an element that does nothing yet.
    ///
    /// # Panics
    /// When `name` is not an element's name: it stands in the program's text, so this is the program's error.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: element_name(name),
            about: String::new(),
            depends_on: Vec::new(),
            provides: Vec::new(),
            package_rules: Vec::new(),
            package_map: None,
            service_map: None,
            variables: Vec::new(),
            hooks: Vec::new(),
            programs: Vec::new(),
            block_devices: Vec::new(),
            stands_in_for: Vec::new(),
            refused_archs: Vec::new(),
            directory: None,
            layer_rules: Vec::new(),
            why_unusable: None,
        }
    }

    /// Says in a sentence what the element is for.
    #[must_use]
    pub fn about(mut self, about: &str) -> Self {
        about.clone_into(&mut self.about);
        self
    }

    /// Adds elements that come along with this one.
    ///
    /// # Panics
    /// When one is not an element's name.
    #[must_use]
    pub fn depends_on(mut self, elements: &[&str]) -> Self {
        self.depends_on
            .extend(elements.iter().map(|name| element_name(name)));
        self
    }

    /// Adds names that this element stands for, such as `operating-system`.
    ///
    /// # Panics
    /// When one is not an element's name.
    #[must_use]
    pub fn provides(mut self, elements: &[&str]) -> Self {
        self.provides
            .extend(elements.iter().map(|name| element_name(name)));
        self
    }

    /// Adds packages to install in the target, which an element that provides `package-installer` does:
    /// `package-installs` is one.
    #[must_use]
    pub fn packages(mut self, packages: &[&str]) -> Self {
        self.package_rules
            .extend(packages.iter().map(|package| PackageRule::new(package)));
        self
    }

    /// Adds packages of the base system, which come with all that they recommend: see [`PackageRule::in_base_system`].
    #[must_use]
    pub fn base_packages(mut self, packages: &[&str]) -> Self {
        self.package_rules.extend(
            packages
                .iter()
                .map(|package| PackageRule::new(package).in_base_system()),
        );
        self
    }

    /// Adds a package to install or remove under certain circumstances.
    #[must_use]
    pub fn package_rule(mut self, rule: PackageRule) -> Self {
        self.package_rules.push(rule);
        self
    }

    /// Says what the element's names of packages stand for, instead of what was said before.
    #[must_use]
    pub fn package_map(mut self, map: PackageMap) -> Self {
        self.package_map = Some(map);
        self
    }

    /// Says what the element's names of services stand for, instead of what was said before.
    #[must_use]
    pub fn service_map(mut self, map: ServiceMap) -> Self {
        self.service_map = Some(map);
        self
    }

    /// Declares a variable that the element reads. Where several elements give a default, the first by name wins.
    #[must_use]
    pub fn variable(mut self, variable: Variable) -> Self {
        self.variables.push(variable);
        self
    }

    /// Adds a hook.
    ///
    /// # Panics
    /// When `name` is not a hook's name.
    #[must_use]
    pub fn hook(mut self, phase: Phase, name: &str, function: HookFn) -> Self {
        self.hooks.push(Hook {
            phase,
            name: hook_name(name),
            install_type: None,
            body: HookBody::Function(function),
            inputs: None,
        });
        self
    }

    /// Adds a hook of the phase `install` that runs only where the element's install type is this.
    ///
    /// # Panics
    /// When `name` is not a hook's name.
    #[must_use]
    pub fn hook_of_install_type(mut self, install_type: &str, name: &str, function: HookFn) -> Self {
        self.hooks.push(Hook {
            phase: Phase::Install,
            name: hook_name(name),
            install_type: Some(InstallType {
                of: self.name.as_str().to_owned(),
                name: install_type.to_owned(),
            }),
            body: HookBody::Function(function),
            inputs: None,
        });
        self
    }

    /// Says what a hook of the element depends on beyond what it reads through its context: without that, a hook that downloads
    /// something is run in every build.
    ///
    /// # Panics
    /// When the element has no such hook: both stand in the program's text, so this is the program's error.
    #[must_use]
    pub fn inputs_of(mut self, phase: Phase, name: &str, inputs: InputsFn) -> Self {
        let hook = self
            .hooks
            .iter_mut()
            .find(|hook| hook.phase == phase && hook.name.as_str() == name)
            .unwrap_or_else(|| panic!("there is no hook {phase}.d/{name}"));
        hook.inputs = Some(inputs);
        self
    }

    /// Adds a hook whatever it is made of.
    #[must_use]
    pub fn with_hook(mut self, hook: Hook) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Adds a program, a script that scripts of other elements call: it stands in `$TMP_HOOKS_PATH/bin`, and the element
    /// `install-bin` installs it in the target. A directory has its programs in `bin/`.
    #[must_use]
    pub fn program(mut self, name: &str, script: &str) -> Self {
        self.programs.push((name.to_owned(), script.to_owned()));
        self
    }

    /// Says that the element comes along, on these architectures, where another depends on `name` and nothing that was
    /// asked for provides it.
    ///
    /// # Panics
    /// When `name` is not an element's name.
    #[must_use]
    pub fn stands_in_for(mut self, name: &str, archs: &[Arch]) -> Self {
        self.stands_in_for.push(StandIn {
            name: element_name(name),
            archs: archs.to_vec(),
        });
        self
    }

    /// Says that no build for that architecture can have the element; `advice` says what to do instead.
    #[must_use]
    pub fn refused_on(mut self, arch: Arch, advice: &str) -> Self {
        self.refused_archs.push((arch, advice.to_owned()));
        self
    }

    /// Says that the element is a directory and no part of the program.
    #[must_use]
    pub fn of_directory(mut self, directory: &Utf8Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Says how long what a hook did may be taken from an earlier build; `hook` is `PHASE.d/NAME`, or `PHASE.d/*` for all of
    /// a phase. Of several that fit the last one counts.
    #[must_use]
    pub fn keeps_layers(mut self, hook: &str, rule: LayerRule) -> Self {
        self.layer_rules.push((hook.to_owned(), rule));
        self
    }

    /// Says why no build can have the element, in words that may follow a colon; there is such an element, so it is
    /// listed all the same.
    #[must_use]
    pub fn unusable(mut self, reason: &str) -> Self {
        self.why_unusable = Some(reason.to_owned());
        self
    }

    /// Returns the element's name.
    #[must_use]
    pub fn name(&self) -> &ElementName {
        &self.name
    }

    /// Returns the sentence that says what it is for.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.about
    }

    /// Returns the elements that come along.
    #[must_use]
    pub fn dependencies(&self) -> &[ElementName] {
        &self.depends_on
    }

    /// Returns the names it stands for.
    #[must_use]
    pub fn provided(&self) -> &[ElementName] {
        &self.provides
    }

    /// Returns whether it stands for that name.
    #[must_use]
    pub fn provides_name(&self, name: &str) -> bool {
        self.provides.iter().any(|provided| provided.as_str() == name)
    }

    /// Returns the packages it wants installed or removed.
    #[must_use]
    pub fn package_rules(&self) -> &[PackageRule] {
        &self.package_rules
    }

    /// Returns what its names of packages stand for, where it says so.
    #[must_use]
    pub fn package_mapping(&self) -> Option<&PackageMap> {
        self.package_map.as_ref()
    }

    /// Returns what its names of services stand for, where it says so.
    #[must_use]
    pub fn service_mapping(&self) -> Option<&ServiceMap> {
        self.service_map.as_ref()
    }

    /// Returns the variables it reads.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Returns its hooks, in the order of their declaration.
    #[must_use]
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// Returns its programs, which are scripts, with their names.
    #[must_use]
    pub fn programs(&self) -> &[(String, String)] {
        &self.programs
    }

    /// Returns whether it comes along where nothing else provides `name`.
    #[must_use]
    pub fn is_stand_in_for(&self, name: &ElementName, arch: Arch) -> bool {
        self.stands_in_for
            .iter()
            .any(|stand_in| stand_in.name == *name && stand_in.archs.contains(&arch))
    }

    /// Returns what to do instead where no build for that architecture can have it.
    #[must_use]
    pub fn refusal_on(&self, arch: Arch) -> Option<&str> {
        self.refused_archs
            .iter()
            .find(|(refused, _)| *refused == arch)
            .map(|(_, advice)| advice.as_str())
    }

    /// Keeps what makes the element that it replaces come along unasked.
    pub(crate) fn in_place_of(mut self, replaced: &Self) -> Self {
        self.stands_in_for.clone_from(&replaced.stands_in_for);
        self
    }

    /// Returns how long what a hook did may be taken from an earlier build.
    #[must_use]
    pub fn layer_rule(&self, phase: Phase, hook: &str) -> LayerRule {
        let fits = |wanted: &str| {
            wanted
                .strip_prefix(phase.name())
                .and_then(|rest| rest.strip_prefix(".d/"))
                .is_some_and(|name| name == "*" || name == hook)
        };
        let fitting = self.layer_rules.iter().rev().find(|(wanted, _)| fits(wanted));
        fitting.map(|(_, rule)| *rule).unwrap_or_default()
    }

    /// Returns the directory that it is, or `None` when it is a part of the program.
    #[must_use]
    pub fn directory(&self) -> Option<&Utf8Path> {
        self.directory.as_deref()
    }

    /// Returns why no build can have it, or `None` when one can.
    #[must_use]
    pub fn why_unusable(&self) -> Option<&str> {
        self.why_unusable.as_deref()
    }
}

fn element_name(name: &str) -> ElementName {
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn hook_name(name: &str) -> HookName {
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}
