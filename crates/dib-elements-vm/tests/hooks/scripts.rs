//! The scripts that the elements put into the image, at work: with a small `/sys` of the test's own, and programs that write
//! down how they are called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

const GROWROOT: &str = include_str!("../../src/growroot/growroot.sh");
const DHCP: &str = include_str!("../../src/dhcp_all_interfaces/dhcp-all-interfaces.sh");

struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        machine.write("log", "");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, contents: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// Makes a program that writes its arguments down and then runs `body`.
    fn program(&self, name: &str, body: &str) {
        self.write(
            &format!("bin/{name}"),
            &format!("#!/bin/sh\necho {name} \"$@\" >> \"$LOG\"\n{body}\n"),
        );
        fs::set_permissions(
            self.path(&format!("bin/{name}")),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
    }

    /// Runs a script, its paths leading here, and returns whether it went well, and what the programs wrote down.
    fn run(&self, script: &str, arguments: &[&str]) -> (bool, String) {
        let own = self.directory.path().to_str().unwrap();
        let script = ["/sys/", "/etc/network/"]
            .iter()
            .fold(script.to_owned(), |text, path| {
                text.replace(path, &format!("{own}{path}"))
            })
            .replace("PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH\n", "")
            .replace("@TIMEOUT@", "2");
        self.write("script", &script);
        self.write("log", "");
        let output = Command::new("sh")
            .arg(self.path("script"))
            .args(arguments)
            .env("PATH", format!("{own}/bin:{}", std::env::var("PATH").unwrap()))
            .env("LOG", self.path("log"))
            .output()
            .unwrap();
        (
            output.status.success(),
            fs::read_to_string(self.path("log")).unwrap().replace(own, ""),
        )
    }
}

/// A machine whose root is the first partition of `vda`.
fn with_root(file_system: &str, growpart: &str) -> Machine {
    let machine = Machine::new();
    machine.write("sys/devices/vda/vda1/partition", "1\n");
    fs::create_dir_all(machine.path("sys/class/block")).unwrap();
    symlink("../../devices/vda/vda1", machine.path("sys/class/block/vda1")).unwrap();
    fs::create_dir_all(machine.path("sys/devices/vdb")).unwrap();
    symlink("../../devices/vdb", machine.path("sys/class/block/vdb")).unwrap();
    machine.program(
        "findmnt",
        &format!(
            "case \"$*\" in *SOURCE*) cat {};; *) echo {file_system};; esac",
            machine.path("device").display()
        ),
    );
    machine.write("device", "/dev/vda1\n");
    for program in ["resize2fs", "xfs_growfs"] {
        machine.program(program, "");
    }
    machine.program("growpart", growpart);
    machine
}

fn grown(machine: &Machine) -> (bool, String) {
    let (succeeded, log) = machine.run(GROWROOT, &[]);
    let lines: Vec<_> = log.lines().filter(|line| !line.starts_with("findmnt")).collect();
    (succeeded, lines.join("; "))
}

#[test]
fn the_partition_grows_and_then_its_file_system() {
    let check = |file_system, growpart, expected: (bool, &str)| {
        let (succeeded, log) = grown(&with_root(file_system, growpart));
        assert_eq!((succeeded, log.as_str()), expected, "{file_system}, {growpart}");
    };
    check("ext4", "", (true, "growpart /dev/vda 1; resize2fs /dev/vda1"));
    check(
        "ext4",
        "exit 1",
        (true, "growpart /dev/vda 1; resize2fs /dev/vda1"),
    );
    check("ext4", "exit 2", (false, "growpart /dev/vda 1"));
    check("xfs", "", (true, "growpart /dev/vda 1; xfs_growfs /"));
    check("btrfs", "", (true, "growpart /dev/vda 1"));
    let whole = with_root("ext4", "");
    whole.write("device", "/dev/vdb\n");
    assert_eq!(grown(&whole), (true, "resize2fs /dev/vdb".to_owned()));
}

/// A machine with an interface of each kind. `ifquery` looks into the configuration as ifupdown's does.
fn with_interfaces(advertised: &str) -> Machine {
    let machine = Machine::new();
    for (name, address, link) in [
        ("lo", "0", "1"),
        ("eth0", "0", "1"),
        ("eth1", "0", "0"),
        ("veth0", "1", "1"),
        ("eth0.7", "2", "1"),
        ("bond0", "2", "1"),
    ] {
        machine.write(&format!("sys/class/net/{name}/addr_assign_type"), address);
        machine.write(&format!("sys/class/net/{name}/carrier"), link);
    }
    machine.write("sys/class/net/bonding_masters", "");
    machine.write("etc/network/interfaces", "iface lo inet loopback\n");
    let interfaces = machine.path("etc/network/interfaces");
    machine.program(
        "ifquery",
        &format!("grep \"^iface $1 \" {}", interfaces.display()),
    );
    for program in ["ip", "sleep"] {
        machine.program(program, "");
    }
    machine.program("rdisc6", advertised);
    machine
}

fn configured(machine: &Machine, arguments: &[&str]) -> String {
    let (succeeded, log) = machine.run(DHCP, arguments);
    assert!(succeeded, "{log}");
    fs::read_to_string(machine.path("etc/network/interfaces")).unwrap()
}

#[test]
fn interfaces_with_a_link_and_an_address_of_their_own_are_configured_once() {
    let machine = with_interfaces("exit 2");
    let expected = "iface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n\n\
                    auto eth0.7\niface eth0.7 inet dhcp\n\n";
    assert_eq!(configured(&machine, &[]), expected);
    assert_eq!(configured(&machine, &["eth0"]), expected);
    assert_eq!(configured(&machine, &["eth1"]), expected);
}

#[test]
fn version_6_is_as_routers_advertise() {
    let check = |address: &str, other: &str, expected: &str| {
        let body = format!(
            "echo 'Stateful address conf.    :           {address}'\n\
             echo 'Stateful other conf.      :           {other}'"
        );
        let text = configured(&with_interfaces(&body), &["eth0"]);
        let expected = format!("iface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n\n{expected}\n\n");
        assert_eq!(text, expected, "{address} {other}");
    };
    check("Yes", "Yes", "iface eth0 inet6 dhcp");
    check("No", "Yes", "iface eth0 inet6 auto\n\tdhcp 1");
    check("No", "No", "iface eth0 inet6 auto\n\tdhcp 0");
    // It fails for as long as it is asked.
    let text = configured(&with_interfaces("exit 1"), &["eth0"]);
    assert!(text.ends_with("iface eth0 inet dhcp\n\n"), "{text}");
}
