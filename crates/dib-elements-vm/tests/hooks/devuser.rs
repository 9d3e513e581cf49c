//! `devuser`.

use dib_core::Phase;
use dib_elements_vm::devuser;
use dib_testing::{Fixture, Recording};

fn with(variables: &[(&str, &str)]) -> Fixture {
    let fixture = Fixture::new(|registry| registry.add(devuser::element())).directory("/home");
    variables
        .iter()
        .fold(fixture, |fixture, (name, value)| fixture.variable(name, value))
}

fn record(fixture: &Fixture) -> Recording {
    fixture.record(Phase::Install, "50-devuser")
}

#[test]
fn a_user_is_made() {
    insta::assert_snapshot!(record(&with(&[])), @"
    journal
      nothing to do: there is no key to be authorized
      run useradd -m devuser (exited with status 0)
      run chown -R devuser:devuser /home/devuser (exited with status 0)
    ");
}

#[test]
fn a_user_has_what_was_asked_for_and_the_password_shows_nowhere() {
    let fixture = with(&[
        ("DIB_DEV_USER_USERNAME", "jo.doe"),
        ("DIB_DEV_USER_GROUPS", "adm,video"),
        ("DIB_DEV_USER_SHELL", "/bin/bash"),
        ("DIB_DEV_USER_PWDLESS_SUDO", "yes"),
        ("DIB_DEV_USER_PASSWORD", "open sesame"),
    ]);
    let keys = fixture.host().join("keys");
    std::fs::write(&keys, "ssh-ed25519 AAAA jo\n").unwrap();
    let fixture = fixture.variable("DIB_DEV_USER_AUTHORIZED_KEYS", keys.as_str());
    let recording = record(&fixture).to_string();
    assert!(!recording.contains("sesame"), "{recording}");
    insta::assert_snapshot!(recording, @r#"
    journal
      run useradd -m -s /bin/bash jo.doe (exited with status 0)
      run usermod -a -G adm,video jo.doe (exited with status 0)
      run sh -c printf '%s:%s\n' "$DIB_DEV_USER_USERNAME" "$DIB_DEV_USER_PASSWORD" | chpasswd (exited with status 0)
      create directory /etc/sudoers.d
      run chmod 0750 /etc/sudoers.d (exited with status 0)
      write /etc/sudoers.d/jo_doe 0440 (30 bytes)
      run visudo -c -f /etc/sudoers.d/jo_doe (exited with status 0)
      create directory /home/jo.doe/.ssh
      write /home/jo.doe/.ssh/authorized_keys 0600 (20 bytes)
      run chown -R jo.doe:jo.doe /home/jo.doe (exited with status 0)
    target
      + /etc/ 0755
      + /etc/sudoers.d/ 0755
      + /etc/sudoers.d/jo_doe 0440
        | jo.doe ALL=(ALL) NOPASSWD:ALL
      + /home/jo.doe/ 0755
      + /home/jo.doe/.ssh/ 0755
      + /home/jo.doe/.ssh/authorized_keys 0600
        | ssh-ed25519 AAAA jo
    "#);
}

#[test]
fn one_s_own_key_is_taken_where_no_other_is_named() {
    let fixture = with(&[]);
    let home = fixture.host();
    let fixture = fixture.variable("HOME", home.as_str());
    std::fs::create_dir(home.join(".ssh")).unwrap();
    for (kind, expected) in [
        ("ed25519", "+ /home/devuser/.ssh/authorized_keys"),
        ("rsa", "~ /home/devuser/.ssh/authorized_keys"),
    ] {
        std::fs::write(
            home.join(format!(".ssh/id_{kind}.pub")),
            format!("a key of type {kind}\n"),
        )
        .unwrap();
        let recording = record(&fixture).to_string();
        assert!(recording.contains(expected), "{recording}");
        assert!(
            recording.contains(&format!("| a key of type {kind}")),
            "{recording}"
        );
    }
    let recording = record(&fixture.variable("DIB_DEV_USER_AUTHORIZED_KEYS", "/dev/null")).to_string();
    assert!(
        recording.contains("there is no key to be authorized"),
        "{recording}"
    );
}

#[test]
fn what_can_t_be_is_refused() {
    insta::assert_snapshot!(record(&with(&[("DIB_DEV_USER_USERNAME", "../root")])), @r#"
    error
      the variable DIB_DEV_USER_USERNAME is "../root": letters, digits, - and _ make a user's name
    "#);
    insta::assert_snapshot!(record(&with(&[("DIB_DEV_USER_USERNAME", "-D")])), @r#"
    error
      the variable DIB_DEV_USER_USERNAME is "-D": letters, digits, - and _ make a user's name
    "#);
    let recording = record(&with(&[("DIB_DEV_USER_PASSWORD", "open\nroot:sesame")]));
    assert!(!recording.succeeded());
    assert!(!recording.to_string().contains("sesame"), "{recording}");
    let failed = record(&with(&[("DIB_DEV_USER_PASSWORD", "sesame")]).failing("sh", 1));
    assert!(!failed.succeeded());
    assert!(!failed.to_string().contains("sesame"), "{failed}");
}
