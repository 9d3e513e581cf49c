//! Snapshots of what the hooks of `openssh-server` and `runtime-ssh-host-keys` do, and the script of the latter at work.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use dib_core::Phase;
use dib_elements_base::register;
use dib_testing::Fixture;

fn with(distribution: &str, init_system: &str) -> Fixture {
    Fixture::new(register)
        .variable("DISTRO_NAME", distribution)
        .variable("DIB_RELEASE", "x")
        .variable("DIB_INIT_SYSTEM", init_system)
}

#[test]
fn the_server_is_started_at_boot() {
    let record = |distribution, init_system| {
        with(distribution, init_system)
            .record(Phase::PostInstall, "80-enable-sshd-service")
            .to_string()
    };
    insta::assert_snapshot!(record("debian", "systemd"), @"
    journal
      run systemctl enable ssh.service (exited with status 0)
    ");
    insta::assert_snapshot!(record("fedora", "systemd"), @"
    journal
      run systemctl enable sshd.service (exited with status 0)
    ");
    insta::assert_snapshot!(record("gentoo", "openrc"), @"
    journal
      run rc-update add sshd default (exited with status 0)
    ");
    insta::assert_snapshot!(record("ubuntu", "upstart"), @"
    journal
      nothing to do: upstart starts it as it is installed
    ");
    insta::assert_snapshot!(record("debian", "sysv"), @"
    journal
      nothing to do: sysv starts it as it is installed
    ");
}

#[test]
fn weak_algorithms_are_not_offered() {
    let fixture = with("debian", "systemd").file("/etc/ssh/sshd_config", "Port 22\n# Ciphers and keying\n");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "99-harden-sshd-config"), @"
    journal
      write /etc/ssh/sshd_config 0644 (422 bytes)
    target
      ~ /etc/ssh/sshd_config 0644
        | Port 22
        | # Ciphers and keying
        | KexAlgorithms curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256
        | Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr
        | MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-512,hmac-sha2-256,umac-128@openssh.com
    ");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "99-harden-sshd-config"), @"
    journal
      nothing to do: /etc/ssh/sshd_config has these algorithms already
    ");
}

#[test]
fn algorithms_may_stay_as_they_are() {
    let fixture = with("debian", "systemd")
        .file("/etc/ssh/sshd_config", "Port 22\n")
        .variable("DIB_OPENSSH_SERVER_HARDENING", "0");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "99-harden-sshd-config"), @"
    journal
      nothing to do: DIB_OPENSSH_SERVER_HARDENING is not 1
    ");
    let fixture = with("debian", "systemd");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "99-harden-sshd-config"), @"
    error
      failed to read /etc/ssh/sshd_config in the target
      No such file or directory (os error 2)
    ");
}

#[test]
fn keys_are_made_at_the_first_boot() {
    let fixture = with("debian", "systemd");
    insta::assert_snapshot!(fixture.record(Phase::Install, "20-install-ssh-keygen"), @r#"
    journal
      create directory /usr/local/sbin
      write /usr/local/sbin/runtime-ssh-host-keys.sh 0755 (368 bytes)
      create directory /usr/lib/systemd/system
      write /usr/lib/systemd/system/ssh-keygen.service 0644 (203 bytes)
    target
      + /usr/ 0755
      + /usr/lib/ 0755
      + /usr/lib/systemd/ 0755
      + /usr/lib/systemd/system/ 0755
      + /usr/lib/systemd/system/ssh-keygen.service 0644
        | [Unit]
        | Description=SSH host keys for a new machine
        | Before=ssh.service
        | 
        | [Service]
        | Type=oneshot
        | RemainAfterExit=yes
        | ExecStart=/usr/local/sbin/runtime-ssh-host-keys.sh
        | 
        | [Install]
        | WantedBy=multi-user.target
      + /usr/local/ 0755
      + /usr/local/sbin/ 0755
      + /usr/local/sbin/runtime-ssh-host-keys.sh 0755
        | #!/bin/sh
        | # Makes those SSH host keys that the machine does not have yet.
        | set -eu
        | 
        | for type in ecdsa ed25519 rsa; do
        |     key=/etc/ssh/ssh_host_${type}_key
        |     [ -f "$key" ] && continue
        |     # Something else may have made the key meanwhile: it is not to be overwritten, and that is no failure.
        |     echo n | ssh-keygen -q -t "$type" -N '' -f "$key" || [ -f "$key" ]
        | done
    "#);
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "80-ssh-keygen"), @"
    journal
      run systemctl enable ssh-keygen.service (exited with status 0)
    ");
}

#[test]
fn keys_are_made_at_the_first_boot_of_older_releases() {
    let fixture = with("ubuntu", "upstart");
    let recording = fixture
        .record(Phase::Install, "20-install-ssh-keygen")
        .to_string();
    assert!(
        recording.contains("+ /etc/init/ssh-keygen.conf 0644"),
        "{recording}"
    );
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "80-ssh-keygen"), @"
    journal
      nothing to do: there is nothing to enable for upstart on this distribution
    ");
}

#[test]
fn other_distributions_make_their_own() {
    let fixture = with("fedora", "systemd");
    let recording = fixture
        .record(Phase::Install, "20-install-ssh-keygen")
        .to_string();
    assert!(!recording.contains("ssh-keygen.service"), "{recording}");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "80-ssh-keygen"), @"
    journal
      nothing to do: there is nothing to enable for systemd on this distribution
    ");
}

#[test]
fn keys_do_not_stay_in_the_image() {
    let fixture = with("debian", "systemd")
        .file("/etc/ssh/ssh_host_rsa_key", "secret\n")
        .file("/etc/ssh/ssh_host_rsa_key.pub", "public\n")
        .file("/etc/ssh/sshd_config", "Port 22\n")
        .symlink("/root/key", "/etc/ssh/ssh_host_dsa_key");
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "90-remove-ssh-host-keys"), @"
    journal
      remove /etc/ssh/ssh_host_rsa_key
      remove /etc/ssh/ssh_host_rsa_key.pub
    target
      - /etc/ssh/ssh_host_rsa_key 0644
      - /etc/ssh/ssh_host_rsa_key.pub 0644
    ");
}

/// The script runs in a directory of the test's own, with an `ssh-keygen` that writes down how it is called.
#[test]
fn the_script_makes_only_the_keys_that_are_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let script = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/runtime-ssh-host-keys.sh"
    ))
    .unwrap();
    fs::write(
        path("script"),
        script.replace("/etc/ssh", directory.path().to_str().unwrap()),
    )
    .unwrap();
    // The last argument is the key. One of them has just been made by somebody else.
    let keygen = "#!/bin/sh\nread answer\nfor key; do :; done\necho \"$answer $3\" >> \"$LOG\"\n: > \"$key\"\n\
                  case $3 in rsa) exit 1;; esac\n";
    fs::write(path("ssh-keygen"), keygen).unwrap();
    fs::set_permissions(path("ssh-keygen"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(path("ssh_host_ecdsa_key"), "").unwrap();
    let search = format!("{}:{}", path(""), std::env::var("PATH").unwrap());
    for _ in 0..2 {
        let status = Command::new("sh")
            .arg(path("script"))
            .env("PATH", &search)
            .env("LOG", path("log"))
            .status()
            .unwrap();
        assert!(status.success());
    }
    assert_eq!(fs::read_to_string(path("log")).unwrap(), "n ed25519\nn rsa\n");
}
