//! The element `base`: what every image gets, whatever its distribution.

use dib_core::{Condition, Element, PackageMap, PackageRule, Phase, Variable};

use crate::{base_dib_run_parts, ccache, cloud_init};

/// The releases of Debian that have no `software-properties-common`, by all their names.
const WITHOUT_SOFTWARE_PROPERTIES: [&str; 6] = ["testing", "forky", "trixie", "unstable", "sid", "stable"];

/// Returns the element `base`.
#[must_use]
pub fn element() -> Element {
    let element = Element::new("base")
        .about("What every image gets, whatever its distribution")
        .depends_on(&["dib-init-system", "install-types", "pkg-map"])
        .variable(
            Variable::new(
                "DIB_CCACHE_DIR",
                "the directory of the host that keeps compilers' results",
            )
            .default("$DIB_IMAGE_CACHE/ccache"),
        )
        .variable(Variable::new(
            "DIB_RUN_PARTS",
            "a file of the host to install as dib-run-parts; unset: the one that comes with dib",
        ))
        .variable(
            Variable::new(
                "DIB_SKIP_BASE_PACKAGE_INSTALL",
                "other than 0: no iSCSI initiator is installed",
            )
            .default("0"),
        )
        .variable(
            Variable::new(
                "DIB_AVOID_PACKAGES_UPDATE",
                "other than 0: packages that are installed already are not upgraded",
            )
            .default("0"),
        )
        .variable(Variable::new(
            "DIB_CLOUD_INIT_ETC_HOSTS",
            "what cloud-init's manage_etc_hosts is set to; unset or empty: nothing is set",
        ))
        .hook(Phase::Root, "01-ccache", ccache::ccache)
        .hook(
            Phase::Root,
            "90-base-dib-run-parts",
            base_dib_run_parts::base_dib_run_parts,
        )
        .hook(Phase::Install, "10-cloud-init", cloud_init::cloud_init);
    with_packages(element)
}

/// Adds the packages that upstream's hooks `03-baseline-tools` and `00-baseline-environment` install by commands; as
/// rules, they are part of the plan and of the one transaction that a system from an archive is made in.
///
/// A name that the family of the distribution doesn't have is mapped to no package.
fn with_packages(element: Element) -> Element {
    let software_properties = WITHOUT_SOFTWARE_PROPERTIES.iter().fold(
        PackageRule::new("software-properties-common").phase(Phase::PreInstall),
        |rule, release| rule.when(Condition::differs("DIB_RELEASE", release)),
    );
    let of_debian = |map: PackageMap, name: &str, package: &str| {
        map.by_default(name, "").for_family("debian", name, package)
    };
    let map = of_debian(PackageMap::new(), "apt-transport-https", "apt-transport-https");
    let map = of_debian(map, "software-properties-common", "software-properties-common");
    let map = of_debian(map, "iscsi_package", "open-iscsi");
    element
        .package_rule(PackageRule::new("apt-transport-https").phase(Phase::PreInstall))
        .package_rule(software_properties)
        .package_rule(
            PackageRule::new("iscsi_package").when(Condition::equals("DIB_SKIP_BASE_PACKAGE_INSTALL", "0")),
        )
        .package_map(map)
}
