//! `cloud-init-growpart` and `cloud-init-disable-resizefs`.

use dib_core::Phase;
use dib_elements_vm::cloud_init_growing;
use dib_testing::Fixture;

#[test]
fn the_devices_to_grow_are_named() {
    let growing = || Fixture::new(|registry| registry.add(cloud_init_growing::growpart()));
    let record = |fixture: Fixture| fixture.record(Phase::PostInstall, "55-growpart");
    insta::assert_snapshot!(record(growing()), @"
    error
      the variable DIB_CLOUD_INIT_GROWPART_DEVICES is not set
    ");
    let fixture = || growing().variable("DIB_CLOUD_INIT_GROWPART_DEVICES", "[/dev/vda1]");
    insta::assert_snapshot!(record(fixture()), @"
    error
      the image has no cloud-init: there is no /etc/cloud/cloud.cfg.d
      hint: the element cloud-init installs it
    ");
    insta::assert_snapshot!(record(fixture().directory("/etc/cloud/cloud.cfg.d")), @"
    journal
      write /etc/cloud/cloud.cfg.d/55-growpart.cfg 0644 (100 bytes)
    target
      + /etc/cloud/cloud.cfg.d/55-growpart.cfg 0644
        | #cloud-config
        | growpart:
        |     mode: auto
        |     devices: [/dev/vda1]
        |     ignore_growroot_disabled: false
    ");
}

#[test]
fn modules_that_grow_something_are_taken_out() {
    let fixture = Fixture::new(|registry| registry.add(cloud_init_growing::disable_resizefs())).file(
        "/etc/cloud/cloud.cfg",
        "cloud_init_modules:\n - growpart\n  - resizefs\n - growpart_other\n",
    );
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "50-cloud-init-disable-resizefs"), @"
    journal
      write /etc/cloud/cloud.cfg 0644 (51 bytes)
    target
      ~ /etc/cloud/cloud.cfg 0644
        | cloud_init_modules:
        |  - growpart
        | 
        |  - growpart_other
    ");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "51-cloud-init-disable-growpart"), @"
    journal
      write /etc/cloud/cloud.cfg 0644 (40 bytes)
    target
      ~ /etc/cloud/cloud.cfg 0644
        | cloud_init_modules:
        | 
        | 
        |  - growpart_other
    ");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "51-cloud-init-disable-growpart"), @"
    journal
      nothing to do: /etc/cloud/cloud.cfg does not name growpart
    ");
}
