mod disk;
mod packages;

use super::*;
use crate::{Element, HookContext, HookError, ImageType};

#[expect(clippy::unnecessary_wraps, reason = "a hook's signature")]
fn nothing(_ctx: &HookContext<'_>) -> Result<(), HookError> {
    Ok(())
}

fn registry(elements: impl IntoIterator<Item = Element>) -> Registry {
    let mut registry = Registry::new();
    for element in elements {
        registry.add(element).unwrap();
    }
    registry
}

fn system(name: &str) -> Element {
    Element::new(name).provides(&["operating-system"])
}

fn names(plan: &Plan<'_>) -> Vec<String> {
    plan.elements()
        .iter()
        .map(|planned| format!("{}: {}", planned.element.name(), planned.reason))
        .collect()
}

fn error(elements: Vec<Element>, asked: &[&str]) -> PlanError {
    Plan::resolve(&registry(elements), &ImageSpec::of_elements(asked)).unwrap_err()
}

#[test]
fn dependencies_are_transitive_and_say_who_wants_them() {
    let elements = [
        Element::new("base"),
        system("ubuntu").depends_on(&["dpkg"]),
        Element::new("dpkg").depends_on(&["package-installs"]),
        Element::new("package-installs").depends_on(&["dpkg"]),
        Element::new("unused"),
    ];
    let registry = registry(elements);
    let plan = Plan::resolve(&registry, &ImageSpec::of_elements(&["ubuntu"])).unwrap();
    assert_eq!(
        names(&plan),
        [
            "base: always included",
            "dpkg: ubuntu depends on it",
            "package-installs: dpkg depends on it",
            "ubuntu: asked for"
        ]
    );
}

#[test]
fn base_stays_out_when_it_is_skipped() {
    let registry = registry([Element::new("base"), system("ubuntu")]);
    let spec = ImageSpec {
        base: BaseElement::Skipped,
        ..ImageSpec::of_elements(&["ubuntu"])
    };
    assert_eq!(
        names(&Plan::resolve(&registry, &spec).unwrap()),
        ["ubuntu: asked for"]
    );
}

#[test]
fn a_dependency_is_met_by_what_provides_it() {
    let elements = [
        Element::new("base"),
        system("ubuntu"),
        Element::new("vm").depends_on(&["block-device"]),
        Element::new("block-device-gpt").provides(&["block-device"]),
    ];
    let registry = registry(elements);
    let plan = Plan::resolve(
        &registry,
        &ImageSpec::of_elements(&["block-device-gpt", "ubuntu", "vm"]),
    )
    .unwrap();
    assert_eq!(
        names(&plan),
        [
            "base: always included",
            "block-device-gpt: asked for",
            "ubuntu: asked for",
            "vm: asked for"
        ]
    );
}

#[test]
fn a_missing_element_names_who_wants_it_and_the_nearest_name() {
    let error = error(
        vec![
            Element::new("base"),
            system("ubuntu").depends_on(&["dkpg"]),
            Element::new("dpkg"),
        ],
        &["ubuntu"],
    );
    assert_eq!(
        error.to_string(),
        "there is no element dkpg (ubuntu depends on it)"
    );
    assert_eq!(error.hint().unwrap(), "did you mean dpkg?");
}

#[test]
fn exactly_one_element_is_the_operating_system() {
    let none = error(
        vec![Element::new("base"), system("ubuntu"), system("debian")],
        &["base"],
    );
    assert_eq!(
        none.to_string(),
        "none of the elements provides an operating system"
    );
    assert_eq!(none.hint().unwrap(), "add one of: debian, ubuntu");
    let two = error(
        vec![Element::new("base"), system("ubuntu"), system("debian")],
        &["ubuntu", "debian"],
    );
    assert_eq!(two.to_string(), "ubuntu and debian both provide operating-system");
}

#[test]
fn asking_for_what_another_element_provides_is_an_error() {
    let provider = Element::new("ubuntu-minimal").provides(&["operating-system", "debootstrap"]);
    let error = error(
        vec![Element::new("base"), provider, Element::new("debootstrap")],
        &["debootstrap", "ubuntu-minimal"],
    );
    assert_eq!(
        error.to_string(),
        "debootstrap was asked for, but ubuntu-minimal provides it already"
    );
}

#[test]
fn two_hooks_of_one_name_in_one_phase_are_an_error_that_names_both_elements() {
    let one = Element::new("one")
        .hook(Phase::Root, "10-x", nothing)
        .hook(Phase::Install, "20-y", nothing);
    let other = system("other")
        .hook(Phase::Root, "10-x", nothing)
        .hook(Phase::Cleanup, "20-y", nothing);
    let error = error(vec![Element::new("base"), one, other], &["one", "other"]);
    assert_eq!(
        error.to_string(),
        "the elements one and other both have a hook 10-x in phase root"
    );
}

#[test]
fn names_that_are_none_are_refused() {
    assert!(matches!(error(vec![], &["a/b"]), PlanError::InvalidName(_)));
    assert_eq!(error(vec![], &[]), PlanError::NoElements);
}

#[test]
fn hooks_run_by_phase_then_number_then_name_whatever_their_element() {
    let one = Element::new("one")
        .hook(Phase::Install, "50-b", nothing)
        .hook(Phase::Root, "99-a", nothing)
        .hook(Phase::Cleanup, "01-z", nothing);
    let other = system("other")
        .hook(Phase::Root, "100-a", nothing)
        .hook(Phase::Install, "9-c", nothing);
    let registry = registry([Element::new("base"), one, other]);
    let plan = Plan::resolve(&registry, &ImageSpec::of_elements(&["one", "other"])).unwrap();
    let order: Vec<_> = plan
        .hooks()
        .iter()
        .map(|hook| format!("{}/{}", hook.phase, hook.name))
        .collect();
    assert_eq!(
        order,
        [
            "root/99-a",
            "root/100-a",
            "install/9-c",
            "install/50-b",
            "cleanup/01-z"
        ]
    );
}

#[test]
fn the_plan_prints_as_a_flat_list() {
    let base = Element::new("base")
        .variable(crate::Variable::new("DIB_CCACHE_DIR", "").default("$DIB_IMAGE_CACHE/ccache"))
        .hook(Phase::Root, "01-ccache", nothing);
    let ubuntu = Element::new("ubuntu")
        .provides(&["operating-system", "package-installer"])
        .packages(&["openssh-server"])
        .hook(Phase::Install, "50-x", nothing);
    let registry = registry([base, ubuntu]);
    let mut spec = ImageSpec::of_elements(&["ubuntu"]);
    spec.arch = crate::Arch::Amd64;
    spec.packages.push("vim".to_owned());
    spec.variables.insert("PATH".to_owned(), "/bin".to_owned());
    spec.variables
        .insert("DIB_RELEASE".to_owned(), "noble".to_owned());
    insta::assert_snapshot!(Plan::resolve(&registry, &spec).unwrap(), @"
    elements
      base    always included
      ubuntu  asked for
    phase root
      01-ccache  base
    phase install
      50-x  ubuntu
    packages in phase install
      openssh-server  ubuntu
    packages in phase post-install
      vim             asked for
    variables
      ARCH=amd64  (set by the build)
      DIB_ARGS=  (set by the build)
      DIB_CCACHE_DIR=cache/ccache  (default of base)
      DIB_CHECKSUM=0  (set by the build)
      DIB_DEBUG_TRACE=0  (set by the build)
      DIB_IMAGE_CACHE=cache  (set by the build)
      DIB_OFFLINE=  (set by the build)
      DIB_RELEASE=noble  (set by you)
      IMAGE_ELEMENT=base ubuntu  (set by the build)
      IMAGE_NAME=image  (set by the build)
    outputs
      image.qcow2
    ");
}

#[test]
fn packages_that_nobody_installs_are_an_error() {
    let registry = registry([Element::new("base"), system("tiny")]);
    let mut spec = ImageSpec::of_elements(&["tiny"]);
    spec.packages.push("vim".to_owned());
    let error = Plan::resolve(&registry, &spec).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no element of the build installs packages, but vim is wanted"
    );
    assert!(error.hint().unwrap().contains("such as dpkg"));
}

#[test]
fn defaults_may_refer_to_what_the_build_sets() {
    let tiny =
        system("tiny").variable(crate::Variable::new("REPORT", "").default("$IMAGE_NAME-$DIB_ROOT_LABEL"));
    let registry = registry([Element::new("base"), tiny]);
    let plan = Plan::resolve(&registry, &ImageSpec::of_elements(&["tiny"])).unwrap();
    let disk = PlannedDisk {
        variables: [("DIB_ROOT_LABEL".to_owned(), "cloudimg-rootfs".to_owned())].into(),
        ..Default::default()
    };
    let plan = plan.with_disk(disk).unwrap();
    assert_eq!(plan.variables().get("REPORT"), Some("image-cloudimg-rootfs"));
}

#[test]
fn the_plan_says_which_elements_are_directories() {
    let mut registry = registry([Element::new("base"), system("tiny"), Element::new("mine")]);
    registry.add_over(Element::new("mine").of_directory("/elements/mine".into()));
    registry.add_over(Element::new("other").of_directory("/elements/other".into()));
    let plan = Plan::resolve(&registry, &ImageSpec::of_elements(&["mine", "other", "tiny"])).unwrap();
    let text = plan.to_string();
    assert!(
        text.contains("  mine   asked for; the directory /elements/mine instead of the built-in\n"),
        "{text}"
    );
    assert!(
        text.contains("  other  asked for; the directory /elements/other\n"),
        "{text}"
    );
}

#[test]
fn an_unusable_element_is_an_error_where_it_is_used() {
    let mut registry = registry([Element::new("base"), system("tiny"), Element::new("mine")]);
    registry.add_over(Element::new("mine").unusable("it is broken"));
    assert!(Plan::resolve(&registry, &ImageSpec::of_elements(&["tiny"])).is_ok());
    let error = Plan::resolve(&registry, &ImageSpec::of_elements(&["mine", "tiny"])).unwrap_err();
    assert_eq!(error.to_string(), "the element mine can't be used: it is broken");
    assert!(error.hint().unwrap().contains("the built-in mine"));
}

#[test]
fn an_element_forgoes_images_of_the_disk_and_leaves_those_of_the_tree() {
    let registry = registry([
        Element::new("base"),
        system("ubuntu"),
        Element::new("no-final-image"),
        Element::new("ramdisk").depends_on(&["no-final-image"]),
    ]);
    let check = |asked: &[&str], types: &[ImageType], expected: &[ImageType]| {
        let mut spec = ImageSpec::of_elements(asked);
        spec.output.types = types.to_vec();
        let plan = Plan::resolve(&registry, &spec).unwrap();
        assert_eq!(plan.spec().output.types, expected);
    };
    let types = [ImageType::Qcow2, ImageType::Tar, ImageType::Raw];
    check(&["ubuntu"], &types, &types);
    check(&["ubuntu", "ramdisk"], &types, &[ImageType::Tar]);
    check(&["ubuntu", "no-final-image"], &[ImageType::Qcow2], &[]);
}

#[test]
fn a_build_runs_again_only_from_a_hook_that_it_has() {
    let element =
        system("ubuntu")
            .hook(Phase::Install, "50-apt", nothing)
            .hook(Phase::PostInstall, "60-grub", nothing);
    let registry = registry([Element::new("base"), element]);
    let check = |place: &str, expected: Option<&str>| {
        let spec = ImageSpec {
            layers: LayerUse::UsedBefore(place.parse().unwrap()),
            ..ImageSpec::of_elements(&["ubuntu"])
        };
        let hint = Plan::resolve(&registry, &spec)
            .err()
            .and_then(|error| error.hint());
        assert_eq!(hint.as_deref(), expected, "for {place}");
    };
    check("install/50-apt", None);
    check("finalise", None);
    check("install/50-atp", Some("did you mean install.d/50-apt?"));
    check("install/60-grub", Some("did you mean post-install.d/60-grub?"));
    check("root/10-nothing", Some("`dib plan` lists the hooks of a build"));
}
