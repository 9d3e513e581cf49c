//! Packages as elements declare them: which, when, and what is done with them.

use std::fmt;
use std::str::FromStr;

use crate::{Arch, Phase};

/// A package that an element wants installed or removed, and the circumstances in which it does.
///
/// These are the entries of upstream's `package-installs.yaml` as data. Source: the README of diskimage-builder's
/// element `package-installs`.
///
/// ```
/// use dib_core::{Condition, Element, PackageRule};
///
/// let element = Element::new("myorg-kernel")
///     .package_rule(PackageRule::new("linux-image-generic").not_on(&["arm64"]))
///     .package_rule(
///         PackageRule::new("linux-generic-hwe").only_on(&["arm64"]).when(Condition::equals("DIB_RELEASE", "noble")),
///     );
/// assert_eq!(element.package_rules().len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRule {
    name: String,
    phase: Phase,
    treatment: Treatment,
    install_type: Option<String>,
    architectures: Architectures,
    python_version: Option<String>,
    conditions: Vec<Condition>,
}

/// What is done with a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// It is installed and stays.
    Installed,
    /// It is removed, unless another element wants it.
    Uninstalled,
    /// It is installed when the phase begins and removed when it ends, unless another element wants it.
    BuildOnly,
}

/// The architectures that a rule holds for, by Debian's names or the kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Architectures {
    All,
    Only(Vec<String>),
    AllBut(Vec<String>),
}

impl PackageRule {
    /// The phases in which packages are installed.
    pub const PHASES: [Phase; 3] = [Phase::PreInstall, Phase::Install, Phase::PostInstall];

    /// Makes the rule that the package is installed in the phase `install`, whatever the circumstances.
    ///
    /// The name may be one that the element's [`PackageMap`](crate::PackageMap) maps to others.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            phase: Phase::Install,
            treatment: Treatment::Installed,
            install_type: None,
            architectures: Architectures::All,
            python_version: None,
            conditions: Vec::new(),
        }
    }

    /// Has it done in another phase.
    ///
    /// # Panics
    /// When the phase is none of [`PackageRule::PHASES`]: no package is ever installed in it.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Self {
        assert!(
            Self::PHASES.contains(&phase),
            "no packages are installed in phase {phase}"
        );
        self.phase = phase;
        self
    }

    /// Has the package installed with the base system, in the phase `root`, and with it what it recommends. That is for
    /// elements that make an operating system of packages.
    #[must_use]
    pub fn in_base_system(mut self) -> Self {
        self.phase = Phase::Root;
        self
    }

    /// Has the package removed instead of installed.
    #[must_use]
    pub fn uninstalled(mut self) -> Self {
        self.treatment = Treatment::Uninstalled;
        self
    }

    /// Has the package removed again when the phase ends.
    #[must_use]
    pub fn build_only(mut self) -> Self {
        self.treatment = Treatment::BuildOnly;
        self
    }

    /// Lets the rule hold only where the element's install type is this.
    #[must_use]
    pub fn install_type(mut self, install_type: &str) -> Self {
        self.install_type = Some(install_type.to_owned());
        self
    }

    /// Lets the rule hold only on these architectures; what was said of architectures before is forgotten.
    #[must_use]
    pub fn only_on(mut self, architectures: &[&str]) -> Self {
        self.architectures = Architectures::Only(owned(architectures));
        self
    }

    /// Lets the rule hold on all but these architectures; what was said of architectures before is forgotten.
    #[must_use]
    pub fn not_on(mut self, architectures: &[&str]) -> Self {
        self.architectures = Architectures::AllBut(owned(architectures));
        self
    }

    /// Lets the rule hold only where `DIB_PYTHON_VERSION` is this.
    #[must_use]
    pub fn python_version(mut self, version: &str) -> Self {
        self.python_version = Some(version.to_owned());
        self
    }

    /// Lets the rule hold only where this is true; of several conditions, all have to be.
    #[must_use]
    pub fn when(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Returns the package's name as the element declares it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the phase.
    #[must_use]
    pub fn chosen_phase(&self) -> Phase {
        self.phase
    }

    /// Returns what is done with the package.
    #[must_use]
    pub fn treatment(&self) -> Treatment {
        self.treatment
    }

    /// Returns the conditions, all of which have to be true.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Returns whether the rule holds for an element of that install type.
    #[must_use]
    pub fn holds_for_install_type(&self, install_type: &str) -> bool {
        self.install_type
            .as_ref()
            .is_none_or(|wanted| wanted == install_type)
    }

    /// Returns whether the rule holds on that architecture.
    #[must_use]
    pub fn holds_on(&self, arch: Arch) -> bool {
        let is_one = |names: &[String]| names.iter().any(|name| arch.is_called(name));
        match &self.architectures {
            Architectures::All => true,
            Architectures::Only(names) => is_one(names),
            Architectures::AllBut(names) => !is_one(names),
        }
    }

    /// Returns whether the rule holds for that `DIB_PYTHON_VERSION`, which may be unset.
    #[must_use]
    pub fn holds_for_python(&self, version: Option<&str>) -> bool {
        self.python_version.is_none() || self.python_version.as_deref() == version
    }

    /// Returns the circumstances in words, such as `pre-install, not on arm64, when DIB_RELEASE = noble`; nothing for
    /// a package that is always installed.
    #[must_use]
    pub fn circumstances(&self) -> String {
        let mut words = Vec::new();
        if self.phase != Phase::Install {
            words.push(self.phase.to_string());
        }
        match self.treatment {
            Treatment::Installed => {}
            Treatment::Uninstalled => words.push("removed".to_owned()),
            Treatment::BuildOnly => words.push("for the build only".to_owned()),
        }
        if let Some(install_type) = &self.install_type {
            words.push(format!("install type {install_type}"));
        }
        match &self.architectures {
            Architectures::All => {}
            Architectures::Only(names) => words.push(format!("on {}", names.join(" or "))),
            Architectures::AllBut(names) => words.push(format!("not on {}", names.join(" or "))),
        }
        if let Some(version) = &self.python_version {
            words.push(format!("Python {version}"));
        }
        if !self.conditions.is_empty() {
            let conditions: Vec<_> = self.conditions.iter().map(Condition::to_string).collect();
            words.push(format!("when {}", conditions.join(" and ")));
        }
        words.join(", ")
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A comparison of a variable with a value, written `VARIABLE = value` or `VARIABLE != value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    variable: String,
    comparison: Comparison,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equals,
    Differs,
}

/// A text that is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no condition: write VARIABLE = value or VARIABLE != value")]
pub struct InvalidCondition(pub String);

impl Condition {
    /// Makes the condition that a variable has this value.
    #[must_use]
    pub fn equals(variable: &str, value: &str) -> Self {
        Self {
            variable: variable.to_owned(),
            comparison: Comparison::Equals,
            value: value.to_owned(),
        }
    }

    /// Makes the condition that a variable has any value but this.
    #[must_use]
    pub fn differs(variable: &str, value: &str) -> Self {
        Self {
            variable: variable.to_owned(),
            comparison: Comparison::Differs,
            value: value.to_owned(),
        }
    }

    /// Returns the variable's name.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// Returns whether it is true of a variable with that value.
    #[must_use]
    pub fn is_true_of(&self, value: &str) -> bool {
        match self.comparison {
            Comparison::Equals => self.value == value,
            Comparison::Differs => self.value != value,
        }
    }
}

impl FromStr for Condition {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let invalid = || InvalidCondition(text.to_owned());
        let trimmed = text.trim();
        let end = trimmed
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .ok_or_else(invalid)?;
        let (variable, rest) = trimmed.split_at(end);
        let rest = rest.trim_start();
        let (make, value): (fn(&str, &str) -> Self, _) = match rest.strip_prefix("!=") {
            Some(value) => (Self::differs, value),
            None => (Self::equals, rest.strip_prefix('=').ok_or_else(invalid)?),
        };
        // `==` would compare with a value that begins with `=`, which nobody means.
        if variable.is_empty() || value.starts_with('=') {
            return Err(invalid());
        }
        Ok(make(variable, value.trim_start()))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparison {
            Comparison::Equals => "=",
            Comparison::Differs => "!=",
        };
        write!(formatter, "{} {sign} {}", self.variable, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_with_and_without_blanks() {
        let check = |text: &str, expected: Condition| assert_eq!(text.parse(), Ok(expected), "for {text}");
        check("DIB_X=1", Condition::equals("DIB_X", "1"));
        check("DIB_X = 1", Condition::equals("DIB_X", "1"));
        check("  DIB_X\t!= a b ", Condition::differs("DIB_X", "a b"));
        check("DIB_X!=1", Condition::differs("DIB_X", "1"));
        check("DIB_X =", Condition::equals("DIB_X", ""));
        check("X=a=b", Condition::equals("X", "a=b"));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "",
            "DIB_X",
            "= 1",
            "DIB X = 1",
            "DIB_X == 1",
            "DIB_X ! = 1",
            "DIB-X=1",
            "DIB_X < 1",
        ] {
            assert_eq!(text.parse::<Condition>(), Err(InvalidCondition(text.to_owned())));
        }
    }

    #[test]
    fn conditions_print_as_they_are_read() {
        for text in ["DIB_X = 1", "DIB_X != a b"] {
            assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn architectures_go_by_every_name() {
        let check = |rule: PackageRule, arch: Arch, expected: bool| assert_eq!(rule.holds_on(arch), expected);
        check(PackageRule::new("x"), Arch::S390x, true);
        check(PackageRule::new("x").only_on(&["amd64"]), Arch::Amd64, true);
        check(PackageRule::new("x").only_on(&["x86_64"]), Arch::Amd64, true);
        check(PackageRule::new("x").only_on(&["amd64"]), Arch::Arm64, false);
        check(
            PackageRule::new("x").not_on(&["ppc64", "ppc64le"]),
            Arch::Ppc64el,
            false,
        );
        check(
            PackageRule::new("x").not_on(&["ppc64", "ppc64le"]),
            Arch::Amd64,
            true,
        );
    }

    #[test]
    fn circumstances_are_told_in_words() {
        let rule = PackageRule::new("x");
        assert_eq!(rule.circumstances(), "");
        let rule = rule
            .phase(Phase::PreInstall)
            .build_only()
            .install_type("source")
            .not_on(&["arm64", "i386"])
            .python_version("3")
            .when(Condition::equals("A", "1"))
            .when(Condition::differs("B", "2"));
        assert_eq!(
            rule.circumstances(),
            "pre-install, for the build only, install type source, not on arm64 or i386, Python 3, \
             when A = 1 and B != 2"
        );
    }
}
