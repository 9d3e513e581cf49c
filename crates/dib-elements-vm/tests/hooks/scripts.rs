//! The scripts that the elements put into the image, at work: with a small `/sys` of the test's own, and programs that write
//! down how they are called.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

const GROWROOT: &str = include_str!("../../src/growroot/growroot.sh");
const DHCP: &str = include_str!("../../src/dhcp_all_interfaces/dhcp-all-interfaces.sh");

struct Machine {
    directory: tempfile::TempDir,
    /// The programs, as functions of the shell: no test waits for another that is just starting one.
    programs: String,
}

impl Machine {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a temporary directory can be made"),
            programs: String::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn create_directory(&self, name: &str) {
        fs::create_dir_all(self.path(name)).expect("the directory is the test's own");
    }

    fn write(&self, name: &str, contents: &str) {
        let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
        self.create_directory(directory);
        fs::write(self.path(name), contents).expect("the directory is the test's own");
    }

    fn link(&self, points_to: &str, name: &str) {
        symlink(points_to, self.path(name)).expect("the directory is the test's own");
    }

    /// Makes a program that writes its arguments down and then runs `body`.
    fn program(&mut self, name: &str, body: &str) {
        let function = format!("{name}() (\necho {name} \"$@\" >> \"$LOG\"\n{body}\n)\n");
        self.programs.push_str(&function);
    }

    /// Runs a script, its paths leading here, and returns whether it went well, and what the programs wrote down.
    fn run(&self, script: &str, arguments: &[&str]) -> (bool, String) {
        let own = self
            .directory
            .path()
            .to_str()
            .expect("temporary directories are UTF-8");
        let script = script
            .replace("/sys/", &format!("{own}/sys/"))
            .replace("/etc/network/", &format!("{own}/etc/network/"))
            .replace("@TIMEOUT@", "2");
        self.write("script", &format!("{}{script}", self.programs));
        self.write("log", "");
        let output = Command::new("sh")
            .arg(self.path("script"))
            .args(arguments)
            .env("LOG", self.path("log"))
            .output()
            .expect("there is a shell");
        let log = fs::read_to_string(self.path("log")).expect("the directory is the test's own");
        (output.status.success(), log.replace(own, ""))
    }
}

/// A machine whose root is the first partition of `vda`.
fn with_root(file_system: &str, growpart: &str) -> Machine {
    let mut machine = Machine::new();
    machine.write("sys/devices/vda/vda1/partition", "1\n");
    machine.create_directory("sys/devices/vdb");
    machine.create_directory("sys/class/block");
    for name in ["vda/vda1", "vdb"] {
        let device = name.rsplit('/').next().unwrap_or_default();
        machine.link(
            &format!("../../devices/{name}"),
            &format!("sys/class/block/{device}"),
        );
    }
    machine.write("device", "/dev/vda1\n");
    let device = machine.path("device");
    machine.program(
        "findmnt",
        &format!(
            "case \"$*\" in *SOURCE*) cat {};; *) echo {file_system};; esac",
            device.display()
        ),
    );
    machine.program("resize2fs", "");
    machine.program("xfs_growfs", "");
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
    let mut machine = Machine::new();
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
    fs::read_to_string(machine.path("etc/network/interfaces")).expect("the directory is the test's own")
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
