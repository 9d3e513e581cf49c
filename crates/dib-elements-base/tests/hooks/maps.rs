//! Snapshots of what the hooks of `pkg-map` and `svc-map` do.

use dib_core::{DuplicateElement, Element, PackageMap, Phase, Registry, ServiceMap};
use dib_elements_base::{pkg_map, register, svc_map};
use dib_testing::Fixture;

fn only_maps(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(pkg_map::element())?;
    registry.add(svc_map::element())
}

fn with_maps(registry: &mut Registry) -> Result<(), DuplicateElement> {
    only_maps(registry)?;
    registry.add(Element::new("unmapped"))?;
    registry.add(
        Element::new("web")
            .package_map(PackageMap::new().by_default("web-server", "httpd").for_family(
                "debian",
                "web-server",
                "apache2 ssl-cert",
            ))
            .service_map(
                ServiceMap::new()
                    .by_default("web-server", "httpd")
                    .on("debian", "web-server", "apache2")
                    .on("debian", "on", "yes"),
            ),
    )
}

#[test]
fn maps_of_packages_are_in_the_image() {
    let fixture = Fixture::new(with_maps);
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "10-create-pkg-map-dir"), @r#"
    journal
      create directory /usr/share/pkg-map
      write /usr/share/pkg-map/web 0644 (129 bytes)
    target
      + /usr/ 0755
      + /usr/share/ 0755
      + /usr/share/pkg-map/ 0755
      + /usr/share/pkg-map/web 0644
        | {
        |   "family": {
        |     "debian": {
        |       "web-server": "apache2 ssl-cert"
        |     }
        |   },
        |   "default": {
        |     "web-server": "httpd"
        |   }
        | }
    "#);
}

#[test]
fn base_has_a_map() {
    let recording = Fixture::new(register)
        .record(Phase::ExtraData, "10-create-pkg-map-dir")
        .to_string();
    assert!(
        recording.contains("+ /usr/share/pkg-map/base 0644"),
        "{recording}"
    );
}

#[test]
fn services_are_called_as_the_distribution_does() {
    let fixture = Fixture::new(with_maps).variable("DISTRO_NAME", "ubuntu");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "10-merge-svc-map-files"), @"
    journal
      create directory /tmp
      write /tmp/svc-map-services 0644 (32 bytes)
    target
      + /tmp/ 0755
      + /tmp/svc-map-services 0644
        | 'on': 'yes'
        | web-server: apache2
    ");
    let fixture = Fixture::new(with_maps).variable("DISTRO_NAME", "fedora");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "10-merge-svc-map-files"), @"
    journal
      create directory /tmp
      write /tmp/svc-map-services 0644 (29 bytes)
    target
      + /tmp/ 0755
      + /tmp/svc-map-services 0644
        | 'on': 'on'
        | web-server: httpd
    ");
}

#[test]
fn the_services_go_where_scripts_look() {
    let fixture = Fixture::new(with_maps).file("/tmp/svc-map-services", "web-server: apache2\n");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "11-copy-svc-map-file"), @"
    journal
      create directory /usr/share/svc-map
      write /usr/share/svc-map/services 0644 (20 bytes)
    target
      + /usr/ 0755
      + /usr/share/ 0755
      + /usr/share/svc-map/ 0755
      + /usr/share/svc-map/services 0644
        | web-server: apache2
    ");
}

#[test]
fn no_services_are_no_error() {
    insta::assert_snapshot!(Fixture::new(only_maps).record(Phase::ExtraData, "10-merge-svc-map-files"), @"
    journal
      create directory /tmp
      write /tmp/svc-map-services 0644 (3 bytes)
    target
      + /tmp/ 0755
      + /tmp/svc-map-services 0644
        | {}
    ");
}
