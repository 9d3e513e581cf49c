//! The variables that hooks see, and the defaults that elements declare for them.

mod dib_environment;

use std::collections::BTreeMap;

use crate::ElementName;

/// A variable that an element reads, with its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name, as in the environment.
    pub name: String,
    /// The value where the user sets none. `$NAME` and `${NAME}` stand for other variables' values.
    pub default: Option<String>,
    /// The defaults that come before that one where another variable has a certain value, the first that fits.
    pub special_defaults: Vec<SpecialDefault>,
    /// What it is for: one sentence.
    pub about: String,
}

/// A default that holds where another variable has a certain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialDefault {
    /// The other variable's name.
    pub variable: String,
    /// The value that it must have.
    pub value: String,
    /// The default then, as a template.
    pub default: String,
}

impl Variable {
    /// Declares a variable that is unset by default.
    #[must_use]
    pub fn new(name: &str, about: &str) -> Self {
        Self {
            name: name.to_owned(),
            default: None,
            special_defaults: Vec::new(),
            about: about.to_owned(),
        }
    }

    /// Gives it a default, in which `$NAME` and `${NAME}` stand for other variables' values.
    #[must_use]
    pub fn default(mut self, template: &str) -> Self {
        self.default = Some(template.to_owned());
        self
    }

    /// Gives it another default where the variable `other` is `value`, such as a release with an older init system.
    #[must_use]
    pub fn default_where(mut self, other: &str, value: &str, template: &str) -> Self {
        self.special_defaults.push(SpecialDefault {
            variable: other.to_owned(),
            value: value.to_owned(),
            default: template.to_owned(),
        });
        self
    }
}

/// A variable that the build itself sets, whatever the elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildVariable {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub about: &'static str,
}

/// What every hook sees besides its elements' variables.
///
/// Source: the variables that `disk-image-create` of diskimage-builder exports.
pub const BUILD_VARIABLES: &[BuildVariable] = &[
    BuildVariable {
        name: "ARCH",
        about: "the image's architecture, in Debian's words: amd64, arm64, …",
    },
    BuildVariable {
        name: "TARGET_ROOT",
        about: "the target's root directory",
    },
    BuildVariable {
        name: "TMP_MOUNT_PATH",
        about: "the target's root directory",
    },
    BuildVariable {
        name: "TMP_BUILD_DIR",
        about: "the build's own directory, gone when the build ends",
    },
    BuildVariable {
        name: "TMP_HOOKS_PATH",
        about: "holds a directory for each phase, with its hooks by name",
    },
    BuildVariable {
        name: "IMAGE_NAME",
        about: "the output's path without its extension",
    },
    BuildVariable {
        name: "IMAGE_ELEMENT",
        about: "the elements of the build, separated by blanks",
    },
    BuildVariable {
        name: "DIB_IMAGE_CACHE",
        about: "the directory of the download cache",
    },
    BuildVariable {
        name: "DIB_OFFLINE",
        about: "non-empty: use what is in the cache and check nothing for freshness",
    },
    BuildVariable {
        name: "DIB_DEBUG_TRACE",
        about: "above 0: print the journal as it happens",
    },
    BuildVariable {
        name: "DIB_ROOT_LABEL",
        about: "the root file system's label",
    },
    BuildVariable {
        name: "DIB_ROOT_FSTYPE",
        about: "the root file system's type, such as ext4",
    },
    BuildVariable {
        name: "DIB_BOOT_LABEL",
        about: "the label of the file system at /boot, where that is one of its own; else empty",
    },
    BuildVariable {
        name: "DIB_MOUNTPOINTS",
        about: "where the disk's file systems are mounted in the image, separated by \"|\"",
    },
    BuildVariable {
        name: "DIB_CHECKSUM",
        about: "the checksum files to write: 0, 1 or a list of md5 and sha256",
    },
    BuildVariable {
        name: "DIB_ARGS",
        about: "the arguments of the command",
    },
];

/// Where a variable's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The user's environment or arguments.
    User,
    /// The default of an element.
    Default(ElementName),
    /// A file of an element's `environment.d`.
    EnvironmentFile,
    /// The build.
    Build,
}

/// The variables of a build, resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, (String, Origin)>,
}

/// A default that can't be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the default of {variable} depends on itself")]
pub struct CyclicDefault {
    /// The variable whose default leads back to it.
    pub variable: String,
}

impl Variables {
    /// Resolves the variables: what the user set, then the elements' defaults.
    ///
    /// The first element that declares a default for a variable gives it.
    ///
    /// # Errors
    /// When a default refers to itself, directly or by others.
    pub fn resolve<'e>(
        user: &BTreeMap<String, String>,
        declared: impl IntoIterator<Item = (&'e ElementName, &'e Variable)>,
    ) -> Result<Self, CyclicDefault> {
        let mut defaults: Defaults<'_> = BTreeMap::new();
        for (element, variable) in declared {
            if variable.default.is_some() {
                defaults.entry(&variable.name).or_insert((element, variable));
            }
        }
        let mut variables = Self::default();
        for (name, value) in user {
            variables.set(name, value, Origin::User);
        }
        for name in defaults.keys() {
            variables.expand_default(name, &defaults, &mut Vec::new())?;
        }
        Ok(variables)
    }

    /// Returns the value of a variable, or `None` when it is unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// Returns where the value of a variable comes from.
    #[must_use]
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        self.values.get(name).map(|(_, origin)| origin)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) {
        self.values.insert(name.to_owned(), (value.to_owned(), origin));
    }

    /// Returns the variables of this environment; those that are as they were keep their origin.
    #[must_use]
    pub fn as_changed_to(&self, environment: &BTreeMap<String, String>) -> Self {
        let mut changed = Self::default();
        for (name, value) in environment {
            let origin = match self.values.get(name) {
                Some((old, origin)) if old == value => origin.clone(),
                _ => Origin::EnvironmentFile,
            };
            changed.set(name, value, origin);
        }
        changed
    }

    /// Visits all variables by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Origin)> {
        self.values
            .iter()
            .map(|(name, (value, origin))| (name.as_str(), value.as_str(), origin))
    }

    /// Returns the variables as an environment for a command.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        self.values
            .iter()
            .map(|(name, (value, _))| (name.clone(), value.clone()))
            .collect()
    }

    fn expand_default<'t>(
        &mut self,
        name: &'t str,
        defaults: &Defaults<'t>,
        open: &mut Vec<&'t str>,
    ) -> Result<(), CyclicDefault> {
        if self.values.contains_key(name) {
            return Ok(());
        }
        let Some((element, variable)) = defaults.get(name).copied() else {
            return Ok(());
        };
        if open.contains(&name) {
            return Err(CyclicDefault {
                variable: name.to_owned(),
            });
        }
        open.push(name);
        let mut template = variable.default.as_deref().unwrap_or_default();
        for special in &variable.special_defaults {
            self.expand_default(&special.variable, defaults, open)?;
            if self.get(&special.variable) == Some(&special.value) {
                template = &special.default;
                break;
            }
        }
        let mut value = String::new();
        for piece in pieces(template) {
            match piece {
                Piece::Text(text) => value.push_str(text),
                Piece::Variable(other) => {
                    self.expand_default(other, defaults, open)?;
                    value.push_str(self.get(other).unwrap_or_default());
                }
            }
        }
        open.pop();
        self.set(name, &value, Origin::Default(element.clone()));
        Ok(())
    }
}

/// The variables that have a default, each with the element that gives it.
type Defaults<'t> = BTreeMap<&'t str, (&'t ElementName, &'t Variable)>;

enum Piece<'t> {
    Text(&'t str),
    Variable(&'t str),
}

/// Splits a template at its `$NAME` and `${NAME}`; a `$` before anything else is text.
fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        let (text, after) = (&rest[..dollar], &rest[dollar + 1..]);
        let named = if let Some(braced) = after.strip_prefix('{') {
            braced.find('}').map(|end| (&braced[..end], &braced[end + 1..]))
        } else {
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(after.len());
            (end > 0).then(|| (&after[..end], &after[end..]))
        };
        if let Some((name, remaining)) = named {
            pieces.push(Piece::Text(text));
            pieces.push(Piece::Variable(name));
            rest = remaining;
        } else {
            pieces.push(Piece::Text(&rest[..=dollar]));
            rest = after;
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(user: &[(&str, &str)], defaults: &[(&str, &str)]) -> Result<Variables, CyclicDefault> {
        let element: ElementName = "ubuntu".parse().unwrap();
        let user = user
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let declared: Vec<_> = defaults
            .iter()
            .map(|(name, template)| Variable::new(name, "").default(template))
            .collect();
        Variables::resolve(&user, declared.iter().map(|variable| (&element, variable)))
    }

    #[test]
    fn defaults_refer_to_others_whatever_their_order() {
        let variables = resolve(
            &[("DIB_IMAGE_CACHE", "/cache")],
            &[
                ("A", "${B}/x"),
                ("B", "$DIB_IMAGE_CACHE/b"),
                ("C", "${UNSET}-$5$ ${open"),
            ],
        )
        .unwrap();
        assert_eq!(variables.get("A"), Some("/cache/b/x"));
        assert_eq!(variables.get("C"), Some("-$ ${open"));
        assert_eq!(variables.origin("DIB_IMAGE_CACHE"), Some(&Origin::User));
    }

    #[test]
    fn a_default_may_hang_on_another_variable() {
        let element: ElementName = "ubuntu".parse().unwrap();
        let init = Variable::new("INIT", "").default("systemd").default_where(
            "RELEASE",
            "trusty",
            "upstart-of-$RELEASE",
        );
        let check = |release: Option<&str>, default, expected| {
            let declared = [init.clone(), Variable::new("RELEASE", "").default(default)];
            let user = release.map(|release| ("RELEASE".to_owned(), release.to_owned()));
            let variables = Variables::resolve(
                &user.into_iter().collect(),
                declared.iter().map(|variable| (&element, variable)),
            );
            assert_eq!(variables.unwrap().get("INIT"), Some(expected));
        };
        check(None, "noble", "systemd");
        check(Some("trusty"), "noble", "upstart-of-trusty");
        check(None, "trusty", "upstart-of-trusty");
        let cyclic = [init.clone(), Variable::new("RELEASE", "").default("$INIT")];
        let resolved = Variables::resolve(
            &BTreeMap::new(),
            cyclic.iter().map(|variable| (&element, variable)),
        );
        assert!(resolved.is_err());
    }

    #[test]
    fn the_user_wins_even_with_an_empty_value() {
        let variables = resolve(&[("DIB_RELEASE", "")], &[("DIB_RELEASE", "noble")]).unwrap();
        assert_eq!(variables.get("DIB_RELEASE"), Some(""));
    }

    #[test]
    fn a_default_that_leads_to_itself_is_an_error() {
        let error = resolve(&[], &[("A", "$B"), ("B", "$A")]).unwrap_err();
        assert_eq!(error, CyclicDefault { variable: "A".into() });
    }
}
