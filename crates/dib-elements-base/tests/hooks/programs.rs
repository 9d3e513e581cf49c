//! The programs that images get, run as they are.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A program of this crate, with a directory in which it looks for what images have in `/usr/share`.
struct Program {
    directory: TempDir,
    script: String,
}

impl Program {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let share = directory.path().join("share");
        for name in ["pkg-map", "svc-map"] {
            fs::create_dir_all(share.join(name)).unwrap();
        }
        Self {
            script: script.replace("/usr/share", share.to_str().unwrap()),
            directory,
        }
    }

    fn with_file(self, name: &str, contents: &str) -> Self {
        fs::write(self.directory.path().join("share").join(name), contents).unwrap();
        self
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("sh")
            .args(["-c", &self.script, "program"])
            .args(arguments)
            .env_remove("DISTRO_NAME")
            .env_remove("DIB_RELEASE")
            .output()
            .unwrap()
    }

    /// Checks what a run prints, and the status that it ends with.
    fn check(&self, arguments: &[&str], expected: &str, status: i32) {
        let output = self.run(arguments);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(printed, expected, "printed for {arguments:?}");
        assert_eq!(output.status.code(), Some(status), "status for {arguments:?}");
        assert_eq!(status == 0, output.stderr.is_empty(), "stderr for {arguments:?}");
    }
}

const MAP: &str = r#"{
  "release": {"fedora": {"43": {"x": "of-release one-more"}, "8": {}}},
  "distro": {"fedora": {"x": "of-distro", "quoted": "a\"b\/c"}},
  "family": {"redhat": {"x": "of-family"}, "suse": {"x": ""}},
  "default": {"x": "of-default", "y": "y-of-default"}
}"#;

#[test]
fn pkg_map_takes_the_most_specific_mapping() {
    let program =
        Program::new(include_str!("../../src/pkg_map/pkg-map.sh")).with_file("pkg-map/element", MAP);
    let check = |distro, release, names: &[&str], expected| {
        let options = ["--element", "element", "--distro", distro, "--release", release];
        program.check(&[&options[..], names].concat(), expected, 0);
    };
    check("fedora", "43", &["x", "y"], "of-release one-more\ny-of-default\n");
    check("fedora", "8", &["x"], "of-distro\n");
    check("rocky", "9", &["x"], "of-family\n");
    check("opensuse", "16", &["x", "y"], "y-of-default\n");
    check("debian", "sid", &["x"], "of-default\n");
    check("fedora", "", &["quoted"], "a\"b/c\n");
}

#[test]
fn pkg_map_ends_as_upstream_does() {
    let program = Program::new(include_str!("../../src/pkg_map/pkg-map.sh"))
        .with_file("pkg-map/element", MAP)
        .with_file("pkg-map/broken", r#"{"default": {"x": 1}}"#)
        .with_file("pkg-map/more", r#"{"default": {}} {}"#);
    program.check(
        &["--element", "element", "--distro", "debian", "y", "z"],
        "y-of-default\n",
        1,
    );
    program.check(
        &[
            "--missing-ok",
            "--prefix=:",
            "--element=element",
            "--distro=debian",
            "y",
            "z",
            "-q",
        ],
        ":y-of-default\n:z\n:-q\n",
        0,
    );
    program.check(&["--element", "none", "--distro", "debian", "x"], "", 2);
    program.check(
        &["--element", "none", "--distro", "debian", "--missing-ok", "x"],
        "x\n",
        0,
    );
    program.check(&["--element", "element", "x"], "", 1);
    program.check(&["--distro", "debian", "x"], "", 1);
    program.check(
        &["--distro", "debian", "--element", "a", "--pkg-map", "b", "x"],
        "",
        1,
    );
    program.check(&["--element", "broken", "--distro", "debian", "x"], "", 1);
    program.check(&["--element", "more", "--distro", "debian", "x"], "", 1);
    program.check(&["x", "--element"], "", 2);
}

#[test]
fn svc_map_knows_what_services_are_called() {
    let program = Program::new(include_str!("../../src/svc_map/svc-map.sh")).with_file(
        "svc-map/services",
        "'on': 'it''s'\nweb-server: apache2\n\"x\": \"y\"\n",
    );
    program.check(
        &["web-server", "other", "on", "x"],
        "apache2\nother\nit's\ny\n",
        0,
    );
    Program::new(include_str!("../../src/svc_map/svc-map.sh")).check(&["web-server"], "web-server\n", 0);
}

#[test]
fn sysctl_write_value_lets_nobody_contradict() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("net.ipv4.ip_forward.conf");
    let script = include_str!("../../src/sysctl/sysctl-write-value.sh")
        .replace("/etc/sysctl.d", directory.path().to_str().unwrap());
    let check = |arguments: &[&str], status| {
        let output = Command::new("sh")
            .args(["-c", &script, "sysctl-write-value"])
            .args(arguments)
            .output();
        assert_eq!(output.unwrap().status.code(), Some(status), "{arguments:?}");
    };
    check(&["net.ipv4.ip_forward", "1", "It routes."], 0);
    check(&["net.ipv4.ip_forward", "1"], 0);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "# It routes.\nnet.ipv4.ip_forward = 1\n"
    );
    check(&["net.ipv4.ip_forward", "0"], 1);
    check(&["net.ipv4.ip_forward"], 1);
}
