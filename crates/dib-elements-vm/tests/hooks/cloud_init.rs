//! `cloud-init`, `cloud-init-datasources` and `cloud-init-nocloud`.

use dib_core::Phase;
use dib_elements_vm::{cloud_init, cloud_init_datasources};
use dib_testing::Fixture;

fn installed() -> Fixture {
    Fixture::new(|registry| registry.add(cloud_init::element())).variable("DIB_INIT_SYSTEM", "systemd")
}

fn asking(sources: &str) -> Fixture {
    Fixture::new(|registry| registry.add(cloud_init_datasources::datasources()))
        .variable("DIB_CLOUD_INIT_DATASOURCES", sources)
        .directory("/etc/cloud/cloud.cfg.d")
}

#[test]
fn its_services_are_those_that_there_are() {
    let record = |fixture: Fixture| fixture.record(Phase::PostInstall, "20-enable-cloud-init");
    insta::assert_snapshot!(record(installed()), @"
    journal
      run systemctl enable cloud-config.service cloud-final.service cloud-init-local.service cloud-init.service (exited with status 0)
    ");
    let of_today = installed().file("/usr/lib/systemd/system/cloud-init-main.service", "");
    insta::assert_snapshot!(record(of_today), @"
    journal
      run systemctl enable cloud-config.service cloud-final.service cloud-init-local.service cloud-init-main.service cloud-init-network.service (exited with status 0)
    ");
    insta::assert_snapshot!(record(installed().variable("DIB_INIT_SYSTEM", "openrc")), @"
    journal
      run rc-update add cloud-config default (exited with status 0)
      run rc-update add cloud-final default (exited with status 0)
      run rc-update add cloud-init-local boot (exited with status 0)
      run rc-update add cloud-init default (exited with status 0)
    ");
    insta::assert_snapshot!(record(installed().variable("DIB_INIT_SYSTEM", "upstart")), @"
    journal
      nothing to do: the image's init system starts cloud-init by itself
    ");
}

#[test]
fn passwords_are_allowed_when_that_is_asked_for() {
    let hook = "21-cloud-init-allow-password-auth";
    let fixture = installed().file("/etc/cloud/cloud.cfg", "users: [default]\nssh_pwauth: false\n");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, hook), @"
    journal
      nothing to do: DIB_CLOUD_INIT_ALLOW_SSH_PWAUTH is not set
    ");
    let fixture = fixture.variable("DIB_CLOUD_INIT_ALLOW_SSH_PWAUTH", "1");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, hook), @"
    journal
      write /etc/cloud/cloud.cfg 0644 (34 bytes)
    target
      ~ /etc/cloud/cloud.cfg 0644
        | users: [default]
        | ssh_pwauth: true
    ");
    let without = installed().variable("DIB_CLOUD_INIT_ALLOW_SSH_PWAUTH", "1");
    insta::assert_snapshot!(without.record(Phase::PostInstall, hook), @"
    journal
      nothing to do: there is no /etc/cloud/cloud.cfg
    ");
}

#[test]
fn host_keys_have_types_of_today() {
    let fixture = installed().file(
        "/etc/cloud/cloud.cfg",
        "ssh_genkeytypes: [dsa]\nusers: [default]\n",
    );
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "22-cloud-init-ssh_genkeytypes"), @"
    journal
      write /etc/cloud/cloud.cfg 0644 (62 bytes)
    target
      ~ /etc/cloud/cloud.cfg 0644
        | users: [default]
        | ssh_genkeytypes: ['rsa', 'ecdsa', 'ed25519']
    ");
}

#[test]
fn only_named_sources_are_asked() {
    let hook = "05-set-cloud-init-sources";
    insta::assert_snapshot!(asking("OpenStack").record(Phase::Install, hook), @"
    journal
      write /etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg 0644 (37 bytes)
    target
      + /etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg 0644
        | datasource_list: [ OpenStack, None ]
    ");
    insta::assert_snapshot!(asking("Ec2, ConfigDrive").record(Phase::Install, hook), @"
    journal
      write /etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg 0644 (44 bytes)
      write /etc/cloud/cloud.cfg.d/92-ec2-datasource.cfg 0644 (60 bytes)
      write /etc/cloud/cloud.cfg.d/93-dib-cloud-init-disable-datasource-network-activation.cfg 0644 (33 bytes)
    target
      + /etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg 0644
        | datasource_list: [ Ec2, ConfigDrive, None ]
      + /etc/cloud/cloud.cfg.d/92-ec2-datasource.cfg 0644
        | #cloud-config
        | datasource:
        |     Ec2:
        |         strict_id: false
      + /etc/cloud/cloud.cfg.d/93-dib-cloud-init-disable-datasource-network-activation.cfg 0644
        | disable_network_activation: true
    ");
}

#[test]
fn sources_have_to_be_named() {
    let hook = "05-set-cloud-init-sources";
    insta::assert_snapshot!(asking("").record(Phase::Install, hook), @"
    error
      the variable DIB_CLOUD_INIT_DATASOURCES is not set
      hint: name them separated by commas, as in DIB_CLOUD_INIT_DATASOURCES='Ec2, NoCloud'
    ");
    insta::assert_snapshot!(asking("Ec2 ]\nruncmd: [x").record(Phase::Install, hook), @r#"
    error
      the variable DIB_CLOUD_INIT_DATASOURCES is "Ec2 ]\nruncmd: [x": one line is needed, such as Ec2, NoCloud
    "#);
    let without = Fixture::new(|registry| registry.add(cloud_init_datasources::datasources()))
        .variable("DIB_CLOUD_INIT_DATASOURCES", "Ec2");
    insta::assert_snapshot!(without.record(Phase::Install, hook), @"
    journal
      nothing to do: the image has no cloud-init: there is no /etc/cloud/cloud.cfg.d
    ");
}

#[test]
fn nobody_is_asked_and_there_are_files() {
    let fixture = Fixture::new(|registry| {
        registry.add(cloud_init_datasources::datasources())?;
        registry.add(cloud_init_datasources::nocloud())
    })
    .directory("/etc/cloud/cloud.cfg.d")
    .file("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: x\n");
    insta::assert_snapshot!(fixture.record(Phase::Install, "05-inject-local-source-data"), @"
    journal
      write /var/lib/cloud/seed/nocloud/user-data 0644 (0 bytes)
    target
      + /var/lib/cloud/seed/nocloud/user-data 0644
    ");
    insta::assert_snapshot!(fixture.record(Phase::Install, "05-set-cloud-init-sources"), @"
    journal
      write /etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg 0644 (35 bytes)
    target
      + /etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg 0644
        | datasource_list: [ NoCloud, None ]
    ");
}
