//! What happens at boot: `growroot`, `dhcp-all-interfaces` and `enable-serial-console`.

use dib_core::{DuplicateElement, Phase, Registry};
use dib_elements_vm::{dhcp_all_interfaces, enable_serial_console, growroot};
use dib_testing::Fixture;

fn on(distribution: &str, init_system: &str) -> Fixture {
    let register = |registry: &mut Registry| -> Result<(), DuplicateElement> {
        registry.add(growroot::element())?;
        registry.add(dhcp_all_interfaces::element())?;
        registry.add(enable_serial_console::element())
    };
    Fixture::new(register)
        .variable("DISTRO_NAME", distribution)
        .variable("DIB_RELEASE", "x")
        .variable("DIB_INIT_SYSTEM", init_system)
}

#[test]
fn the_root_file_system_grows() {
    let fixture = on("debian", "systemd");
    insta::assert_snapshot!(fixture.record(Phase::Install, "20-install-growroot"));
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "80-growroot"), @"
    journal
      run systemctl enable growroot.service (exited with status 0)
    ");
}

#[test]
fn xfs_needs_its_own_program() {
    let fixture = on("debian", "systemd").variable("DIB_ROOT_FSTYPE", "xfs");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "80-growroot"), @"
    error
      the root file system is XFS, and the image has no xfs_growfs
      hint: ask for the package xfsprogs, as by -p xfsprogs, or leave growroot out
    ");
    let fixture = fixture.executable("/usr/sbin/xfs_growfs", "");
    assert!(fixture.record(Phase::PostInstall, "80-growroot").succeeded());
}

#[test]
fn interfaces_ask_for_their_addresses() {
    let fixture = on("ubuntu", "systemd").variable("DIB_DHCP_TIMEOUT", "45");
    insta::assert_snapshot!(fixture.record(Phase::Install, "50-dhcp-all-interfaces"));
}

#[test]
fn network_manager_may_be_enough() {
    let fixture = on("debian", "systemd")
        .directory("/etc/NetworkManager")
        .file("/etc/dhcp/dhclient.conf", "retry 60;\n");
    let both = fixture
        .record(Phase::Install, "50-dhcp-all-interfaces")
        .to_string();
    assert!(
        both.contains("write /etc/NetworkManager/conf.d/00-main.conf"),
        "{both}"
    );
    assert!(both.contains("write /etc/dhcp/dhclient.conf"), "{both}");
    assert!(
        both.contains("write /usr/local/sbin/dhcp-all-interfaces.sh"),
        "{both}"
    );
    let alone = on("fedora", "systemd")
        .directory("/etc/NetworkManager")
        .variable("DIB_DHCP_NETWORK_MANAGER_AUTO", "true")
        .variable("DIB_DHCP_CLIENT", "dhcpcd");
    insta::assert_snapshot!(alone.record(Phase::Install, "50-dhcp-all-interfaces"), @"
    journal
      create directory /etc/NetworkManager/conf.d
      write /etc/NetworkManager/conf.d/00-main.conf 0644 (325 bytes)
    target
      + /etc/NetworkManager/conf.d/ 0755
      + /etc/NetworkManager/conf.d/00-main.conf 0644
        | # Written by the element dhcp-all-interfaces: NetworkManager tries every interface, and does not give up.
        | 
        | [main]
        | # Cables may be plugged in late.
        | ignore-carrier=*
        | dhcp=dhcpcd
        | 
        | [connection]
        | # Without end: a switch may block its port for a while.
        | autoconnect-retries=-1
        | # In seconds.
        | ipv4.dhcp-timeout=30
        | ipv6.dhcp-timeout=30
    ");
}

#[test]
fn interfaces_are_not_configured_by_name() {
    let fixture = on("debian", "systemd")
        .file("/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n")
        .file(
            "/etc/network/interfaces.d/eth1",
            "auto eth1\niface eth1 inet dhcp\n",
        )
        .file("/etc/sysconfig/network-scripts/ifcfg-eth0", "")
        .file("/etc/sysconfig/network-scripts/ifcfg-lo", "");
    let hook = "60-remove-cloud-image-interfaces";
    insta::assert_snapshot!(fixture.record(Phase::Install, hook), @"
    journal
      remove /etc/sysconfig/network-scripts/ifcfg-eth0
      remove /etc/network/interfaces.d/eth1
      write /etc/network/interfaces 0644 (68 bytes)
    target
      ~ /etc/network/interfaces 0644
        | auto lo
        | iface lo inet loopback
        | 
        | source /etc/network/interfaces.d/*
        | 
      - /etc/network/interfaces.d/eth1 0644
      - /etc/sysconfig/network-scripts/ifcfg-eth0 0644
    ");
    insta::assert_snapshot!(on("debian", "systemd").record(Phase::Install, hook), @"");
}

#[test]
fn one_can_log_in_at_serial_ports() {
    let fixture = on("debian", "systemd");
    insta::assert_snapshot!(fixture.record(Phase::Install, "20-stty"), @r#"
    journal
      create directory /etc/udev/rules.d
      write /etc/udev/rules.d/99-serial-console.rules 0644 (116 bytes)
    target
      + /etc/ 0755
      + /etc/udev/ 0755
      + /etc/udev/rules.d/ 0755
      + /etc/udev/rules.d/99-serial-console.rules 0644
        | SUBSYSTEM=="tty", ACTION=="add", ATTRS{type}=="4", TAG+="systemd", ENV{SYSTEMD_WANTS}+="serial-getty@$name.service"
    "#);
}

#[test]
fn what_is_not_supported_says_so() {
    insta::assert_snapshot!(on("fedora", "systemd").record(Phase::Install, "20-stty"), @"
    error
      enable-serial-console can be had on Debian and Ubuntu with systemd only: DISTRO_NAME is fedora, DIB_INIT_SYSTEM is systemd
      hint: leave enable-serial-console out, or have a directory of that name on ELEMENTS_PATH take its place
    ");
    let growroot = on("ubuntu", "upstart").record(Phase::Install, "20-install-growroot");
    assert!(!growroot.succeeded());
    let time = on("debian", "systemd").variable("DIB_DHCP_TIMEOUT", "0");
    insta::assert_snapshot!(time.record(Phase::Install, "50-dhcp-all-interfaces"), @r#"
    error
      the variable DIB_DHCP_TIMEOUT is "0": a number of seconds is needed, above 0
    "#);
}
