//! `package-installs.yaml` and `package-installs.json`: the packages that an element wants.
//!
//! Source: the README of diskimage-builder's element `package-installs` and the program `package-installs-squash`
//! there. It takes a switch that is present for one that is on; here `uninstall: False` means what it says.

use dib_core::{Condition, PackageRule, Phase};

use crate::error::{Fault, Misplaced};
use dib_yaml::{Node, Value};

/// What may be said of a package.
const KEYS: &[&str] = &[
    "phase",
    "uninstall",
    "build-only",
    "installtype",
    "arch",
    "not-arch",
    "dib_python_version",
    "when",
];

/// The phases in which packages are installed, by their directories' names.
const PHASES: &[&str] = &["pre-install.d", "install.d", "post-install.d"];

/// Reads the packages of a document.
pub(crate) fn rules(document: &Node) -> Result<Vec<PackageRule>, Misplaced> {
    let mut rules = Vec::new();
    for (key, value) in document.mapping("the list of packages")? {
        let name = package_name(key)?;
        match &value.value {
            // Nothing said, in whichever way, is one rule without circumstances.
            Value::Sequence(variants) if !variants.is_empty() => {
                for variant in variants {
                    rules.push(rule(name, variant)?);
                }
            }
            Value::Sequence(_) => rules.push(PackageRule::new(name)),
            Value::Text { text, .. } if text.is_empty() => rules.push(PackageRule::new(name)),
            _ => rules.push(rule(name, value)?),
        }
    }
    Ok(rules)
}

fn package_name(key: &Node) -> Result<&str, Misplaced> {
    let name = key.text("a package's name")?;
    // What begins with a dash would be an option to the program that installs it.
    if name.is_empty()
        || name.starts_with('-')
        || name.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(Misplaced::at(key, Fault::PackageName(name.to_owned())));
    }
    Ok(name)
}

fn rule(name: &str, said: &Node) -> Result<PackageRule, Misplaced> {
    let mut rule = PackageRule::new(name);
    let (mut is_uninstalled, mut is_build_only) = (false, false);
    let mut architectures: Option<&str> = None;
    for (key, value) in said.mapping(&format!("what is said of {name}"))? {
        let key_text = key.text("a key")?;
        // Whatever has no value is as if it were not there.
        if matches!(value.value, Value::Null) && KEYS.contains(&key_text) {
            continue;
        }
        let what = format!("{key_text} of {name}");
        match key_text {
            "phase" => rule = rule.phase(phase(value, &what)?),
            "uninstall" => is_uninstalled = value.switch(&what)?,
            "build-only" => is_build_only = value.switch(&what)?,
            "installtype" => rule = rule.install_type(value.text(&what)?),
            "arch" | "not-arch" => {
                if architectures.is_some_and(|other| other != key_text) {
                    return Err(Misplaced::at(
                        key,
                        Fault::BothArchitectures {
                            package: name.to_owned(),
                        },
                    ));
                }
                architectures = Some(key_text);
                let names: Vec<_> = value.text(&what)?.split(',').map(str::trim).collect();
                rule = if key_text == "arch" {
                    rule.only_on(&names)
                } else {
                    rule.not_on(&names)
                };
            }
            "dib_python_version" => rule = rule.python_version(value.text(&what)?),
            "when" => {
                for condition in conditions(value, &what)? {
                    rule = rule.when(condition);
                }
            }
            _ => {
                return Err(Misplaced::at(
                    key,
                    Fault::Unknown {
                        what: "key",
                        name: key_text.to_owned(),
                        known: KEYS,
                    },
                ));
            }
        }
    }
    Ok(match (is_build_only, is_uninstalled) {
        (true, _) => rule.build_only(),
        (false, true) => rule.uninstalled(),
        (false, false) => rule,
    })
}

fn phase(value: &Node, what: &str) -> Result<Phase, Misplaced> {
    let name = value.text(what)?;
    let phase = PHASES
        .contains(&name)
        .then(|| name.strip_suffix(".d").and_then(|name| name.parse().ok()))
        .flatten();
    phase.ok_or_else(|| {
        Misplaced::at(
            value,
            Fault::Unknown {
                what: "phase that installs packages",
                name: name.to_owned(),
                known: PHASES,
            },
        )
    })
}

fn conditions(value: &Node, what: &str) -> Result<Vec<Condition>, Misplaced> {
    let one = |node: &Node| -> Result<Condition, Misplaced> {
        node.text(what)?
            .parse()
            .map_err(|error| Misplaced::at(node, Fault::Condition(error)))
    };
    match &value.value {
        Value::Sequence(nodes) => nodes.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dib_yaml::parse;

    fn check(text: &str, expected: &[PackageRule]) {
        assert_eq!(rules(&parse(text).unwrap()).unwrap(), expected, "for {text:?}");
    }

    fn check_fault(text: &str, line: usize, column: usize, message: &str) {
        let Misplaced { place, fault } = rules(&parse(text).unwrap()).unwrap_err();
        assert_eq!(fault.to_string(), message, "for {text:?}");
        assert_eq!((place.line, place.column), (line, column), "for {text:?}");
    }

    fn x() -> PackageRule {
        PackageRule::new("x")
    }

    #[test]
    fn nothing_said_is_installed() {
        check("", &[]);
        check("x:\n", &[x()]);
        check("x: ''\n", &[x()]);
        check("x: {}\n", &[x()]);
        check("x: []\n", &[x()]);
        check("{\"x\": null}", &[x()]);
    }

    #[test]
    fn every_key_is_understood() {
        check("x:\n  phase: pre-install.d\n", &[x().phase(Phase::PreInstall)]);
        check("x:\n  phase:\n", &[x()]);
        check("x:\n  uninstall: True\n", &[x().uninstalled()]);
        check("x:\n  uninstall: False\n", &[x()]);
        check("x:\n  build-only: yes\n", &[x().build_only()]);
        check("x:\n  build-only: True\n  uninstall: True\n", &[x().build_only()]);
        check("x:\n  installtype: source\n", &[x().install_type("source")]);
        check(
            "x:\n  arch: ppc64, ppc64le\n",
            &[x().only_on(&["ppc64", "ppc64le"])],
        );
        check("x:\n  not-arch: arm64\n", &[x().not_on(&["arm64"])]);
        check("x:\n  dib_python_version: 3\n", &[x().python_version("3")]);
        check(
            "x:\n  when: DIB_X = 1\n",
            &[x().when(Condition::equals("DIB_X", "1"))],
        );
        check(
            "x:\n  when:\n  - A=1\n  - B != 2\n",
            &[x()
                .when(Condition::equals("A", "1"))
                .when(Condition::differs("B", "2"))],
        );
        check(
            r#"{"x": {"phase": "post-install.d", "uninstall": true}}"#,
            &[x().phase(Phase::PostInstall).uninstalled()],
        );
    }

    #[test]
    fn a_list_is_a_rule_for_each() {
        check(
            "x:\n- not-arch: arm64\n- arch: arm64\n  when:\n   - A != 1\n",
            &[
                x().not_on(&["arm64"]),
                x().only_on(&["arm64"]).when(Condition::differs("A", "1")),
            ],
        );
    }

    #[test]
    fn faults_say_where_and_what() {
        check_fault(
            "- x\n",
            1,
            1,
            "the list of packages must be a mapping, not a list",
        );
        check_fault("x: y\n", 1, 4, "what is said of x must be a mapping, not a text");
        check_fault(
            "x:\n  arhc: amd64\n",
            2,
            3,
            r#"there is no key "arhc"; did you mean arch?"#,
        );
        check_fault(
            "x:\n  colour: red\n",
            2,
            3,
            r#"there is no key "colour"; there are phase, uninstall, build-only, installtype, arch, not-arch, dib_python_version, when"#,
        );
        check_fault(
            "x:\n  phase: instal.d\n",
            2,
            10,
            r#"there is no phase that installs packages "instal.d"; did you mean install.d?"#,
        );
        check_fault(
            "x:\n  phase: root.d\n",
            2,
            10,
            r#"there is no phase that installs packages "root.d"; there are pre-install.d, install.d, post-install.d"#,
        );
        check_fault(
            "x:\n  arch: amd64\n  not-arch: arm64\n",
            3,
            3,
            "x has both arch and not-arch, and only one of them may be given",
        );
        check_fault(
            "x:\n  uninstall: maybe\n",
            2,
            14,
            "uninstall of x must be true or false, not a text",
        );
        check_fault(
            "x:\n  when: DIB_X\n",
            2,
            9,
            r#""DIB_X" is no condition: write VARIABLE = value or VARIABLE != value"#,
        );
        check_fault(
            "x:\n  when: {A: 1}\n",
            2,
            9,
            "when of x must be a text, not a mapping",
        );
        check_fault("-x:\n", 1, 1, r#""-x" is no name for a package"#);
        check_fault("a b:\n", 1, 1, r#""a b" is no name for a package"#);
        check_fault("[x]:\n", 1, 1, "a package's name must be a text, not a list");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(x|arch|when|phase|uninstall|[:,{}\\[\\]=!'\" \n-]){0,30}") {
            if let Ok(document) = parse(&text) {
                let _ = rules(&document);
            }
        }
    }
}
