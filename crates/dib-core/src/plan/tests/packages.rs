use super::{nothing, registry, system};
use crate::{
    Arch, Condition, Element, ImageSpec, PackageMap, PackageRule, Phase, Plan, PlanError, ServiceMap,
};

/// Resolves a build of Debian with these elements, in which `DISTRO_NAME` is `debian`.
fn planned(elements: Vec<Element>, variables: &[(&str, &str)]) -> Result<Vec<String>, PlanError> {
    let names: Vec<_> = elements
        .iter()
        .map(|element| element.name().to_string())
        .collect();
    let debian = system("zz-debian").provides(&["package-installer"]);
    let registry = registry(elements.into_iter().chain([Element::new("base"), debian]));
    let asked: Vec<_> = names.iter().map(String::as_str).chain(["zz-debian"]).collect();
    let mut spec = ImageSpec::of_elements(&asked);
    spec.arch = Arch::Amd64;
    let variables = [("DISTRO_NAME", "debian")].iter().chain(variables);
    spec.variables
        .extend(variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let plan = Plan::resolve(&registry, &spec)?;
    let told = plan.packages().iter().map(|package| {
        let element = package.element.as_ref().expect("no package was asked for");
        let declared = package
            .declared_as
            .as_ref()
            .map_or_else(String::new, |name| format!(" as {name}"));
        let also: Vec<_> = package
            .also_wanted_by
            .iter()
            .map(|name| format!(" and {name}"))
            .collect();
        let also = also.concat();
        format!(
            "{} {:?} {} of {element}{declared}{also}",
            package.phase, package.action, package.name
        )
    });
    Ok(told.collect())
}

fn check(elements: Vec<Element>, variables: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(planned(elements, variables).unwrap(), expected);
}

#[test]
fn packages_are_ordered_by_phase_then_by_element() {
    let two = Element::new("two")
        .packages(&["c"])
        .package_rule(PackageRule::new("b").phase(Phase::PostInstall))
        .package_rule(PackageRule::new("a").phase(Phase::PreInstall));
    let one = Element::new("one").packages(&["z", "c"]);
    check(
        vec![two, one],
        &[],
        &[
            "pre-install Install a of two",
            "install Install z of one",
            "install Install c of one and two",
            "post-install Install b of two",
        ],
    );
}

#[test]
fn a_rule_holds_where_all_its_circumstances_do() {
    let rule = || PackageRule::new("x");
    let holds = |rule: PackageRule, variables: &[(&str, &str)], expected: bool| {
        let planned = planned(
            vec![Element::new("my-element").package_rule(rule.clone())],
            variables,
        )
        .unwrap();
        assert_eq!(!planned.is_empty(), expected, "for {rule:?} and {variables:?}");
    };
    holds(rule().install_type("source"), &[], true);
    holds(
        rule().install_type("source"),
        &[("DIB_INSTALLTYPE_my_element", "package")],
        false,
    );
    holds(
        rule().install_type("package"),
        &[("DIB_DEFAULT_INSTALLTYPE", "package")],
        true,
    );
    holds(rule().only_on(&["amd64"]), &[], true);
    holds(rule().only_on(&["arm64"]), &[], false);
    holds(rule().not_on(&["arm64"]), &[], true);
    holds(rule().python_version("3"), &[], false);
    holds(rule().python_version("3"), &[("DIB_PYTHON_VERSION", "3")], true);
    let both = || {
        rule()
            .when(Condition::equals("DIB_A", "1"))
            .when(Condition::differs("DIB_B", "1"))
    };
    holds(both(), &[("DIB_A", "1"), ("DIB_B", "")], true);
    holds(both(), &[("DIB_A", "1"), ("DIB_B", "1")], false);
    holds(both(), &[("DIB_A", "2"), ("DIB_B", "2")], false);
    holds(rule().when(Condition::equals("ARCH", "amd64")), &[], true);
}

#[test]
fn an_unset_variable_in_a_condition_is_an_error_even_behind_a_false_one() {
    let rule = PackageRule::new("x")
        .when(Condition::equals("DIB_A", "1"))
        .when(Condition::equals("DIB_B", "1"));
    let error = planned(vec![Element::new("one").package_rule(rule)], &[("DIB_A", "0")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "whether one wants the package x depends on DIB_B, which is not set"
    );
    assert!(error.hint().unwrap().contains("DIB_B="), "{:?}", error.hint());
}

#[test]
fn conditions_are_not_looked_at_where_something_else_decides() {
    let unset = || Condition::equals("UNSET", "1");
    let element = Element::new("one")
        .package_map(PackageMap::new().for_family("debian", "nothing", ""))
        .package_rule(PackageRule::new("nothing").when(unset()))
        .package_rule(PackageRule::new("a").only_on(&["arm64"]).when(unset()))
        .package_rule(PackageRule::new("b").install_type("package").when(unset()));
    check(vec![element], &[], &[]);
}

#[test]
fn names_are_mapped_by_the_elements_own_map() {
    let map = PackageMap::new()
        .by_default("iscsi", "iscsi-initiator-utils")
        .for_family("debian", "iscsi", "open-iscsi tgt")
        .for_release("debian", "sid", "iscsi", "open-iscsi");
    let one = Element::new("one").package_map(map).packages(&["iscsi", "vim"]);
    let two = Element::new("two").packages(&["iscsi"]);
    check(
        vec![one.clone(), two],
        &[],
        &[
            "install Install open-iscsi of one as iscsi",
            "install Install tgt of one as iscsi",
            "install Install vim of one",
            "install Install iscsi of two",
        ],
    );
    check(
        vec![one],
        &[("DIB_RELEASE", "sid")],
        &[
            "install Install open-iscsi of one as iscsi",
            "install Install vim of one",
        ],
    );
}

#[test]
fn what_one_element_wants_no_other_removes() {
    let wants = |name: &str| Element::new(name).packages(&["x"]);
    let removes = |name: &str| Element::new(name).package_rule(PackageRule::new("x").uninstalled());
    let borrows = |name: &str| Element::new(name).package_rule(PackageRule::new("x").build_only());
    check(vec![removes("a")], &[], &["install Uninstall x of a"]);
    check(
        vec![borrows("a")],
        &[],
        &["install Install x of a", "install Uninstall x of a"],
    );
    check(vec![wants("a"), removes("b")], &[], &["install Install x of a"]);
    check(vec![removes("a"), wants("b")], &[], &["install Install x of b"]);
    check(vec![wants("a"), borrows("b")], &[], &["install Install x of a"]);
    check(
        vec![borrows("a"), wants("b")],
        &[],
        &["install Install x of a and b"],
    );
    check(
        vec![borrows("a"), removes("b")],
        &[],
        &["install Install x of a", "install Uninstall x of a and b"],
    );
}

#[test]
fn a_phase_knows_nothing_of_another_and_a_rule_that_does_not_hold_has_no_say() {
    let late = Element::new("a").package_rule(PackageRule::new("x").phase(Phase::PostInstall));
    let removes = Element::new("b").package_rule(PackageRule::new("x").uninstalled());
    check(
        vec![late, removes.clone()],
        &[],
        &["install Uninstall x of b", "post-install Install x of a"],
    );
    let elsewhere = Element::new("c").package_rule(PackageRule::new("x").only_on(&["arm64"]));
    check(vec![removes, elsewhere], &[], &["install Uninstall x of b"]);
}

#[test]
fn hooks_of_an_install_type_run_where_it_is_the_elements() {
    let element = || {
        Element::new("my-element")
            .hook_of_install_type("source", "10-x", nothing)
            .hook_of_install_type("package", "10-x", nothing)
            .hook_of_install_type("package", "20-y", nothing)
            .hook(Phase::Install, "30-z", nothing)
    };
    let hooks = |variables: &[(&str, &str)]| {
        let registry = registry([Element::new("base"), system("tiny"), element()]);
        let mut spec = ImageSpec::of_elements(&["my-element", "tiny"]);
        spec.variables.extend(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let plan = Plan::resolve(&registry, &spec).unwrap();
        plan.hooks()
            .iter()
            .map(|hook| hook.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(hooks(&[]), ["10-x", "30-z"]);
    assert_eq!(
        hooks(&[("DIB_INSTALLTYPE_my_element", "package")]),
        ["10-x", "20-y", "30-z"]
    );
    assert_eq!(hooks(&[("DIB_DEFAULT_INSTALLTYPE", "pip")]), ["30-z"]);
}

#[test]
fn services_are_merged_and_mapped_once() {
    let one =
        || Element::new("one").service_map(ServiceMap::new().by_default("a", "x").on("debian", "b", "y"));
    let resolve = |elements: Vec<Element>| {
        let registry = registry(elements.into_iter().chain([Element::new("base"), system("tiny")]));
        let names: Vec<_> = registry.iter().map(|element| element.name().as_str()).collect();
        let mut spec = ImageSpec::of_elements(&names);
        spec.variables
            .insert("DISTRO_NAME".to_owned(), "debian".to_owned());
        Plan::resolve(&registry, &spec).map(|plan| plan.services().clone())
    };
    let pairs = [("a", "x"), ("b", "y")].map(|(name, to)| (name.to_owned(), to.to_owned()));
    assert_eq!(resolve(vec![one()]), Ok(pairs.into()));
    let two = Element::new("two").service_map(ServiceMap::new().by_default("b", "z"));
    let error = resolve(vec![one(), two]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the elements one and two both map the service b"
    );
}

#[test]
fn the_plan_shows_packages_by_phase_and_where_they_come_from() {
    let element = Element::new("my-element")
        .package_map(PackageMap::new().by_default("iscsi", "open-iscsi"))
        .packages(&["iscsi"])
        .package_rule(
            PackageRule::new("libssl-dev")
                .phase(Phase::PreInstall)
                .build_only(),
        );
    let debian = system("debian").provides(&["package-installer"]);
    let registry = registry([Element::new("base"), debian, element]);
    let mut spec = ImageSpec::of_elements(&["debian", "my-element"]);
    spec.packages.push("vim".to_owned());
    let text = Plan::resolve(&registry, &spec).unwrap().to_string();
    let start = text.find("packages").unwrap();
    let end = text.find("variables").unwrap();
    insta::assert_snapshot!(&text[start..end], @"
    packages in phase pre-install
      libssl-dev  my-element
    packages removed in phase pre-install
      libssl-dev  my-element
    packages in phase install
      open-iscsi  my-element (declared as iscsi)
    packages in phase post-install
      vim         asked for
    ");
}
