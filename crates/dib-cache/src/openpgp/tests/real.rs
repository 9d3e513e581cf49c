//! The real sums of five Ubuntu releases, signed over SHA-1 digests.

use camino::Utf8Path;

use crate::openpgp::{Keyring, KeyringError, SignatureError, verify_detached};

const UBUNTU_KEY: &str = "D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81";
const RELEASES: [&str; 5] = ["trusty", "xenial", "bionic", "focal", "jammy"];

fn fixture(name: &str) -> Vec<u8> {
    let fixtures = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ubuntu");
    std::fs::read(fixtures.join(name)).expect("a fixture")
}

fn ubuntu_keyring() -> Keyring {
    Keyring::pinned(fixture("ubuntu-cloudimage.asc"), UBUNTU_KEY)
        .expect("the pinned key")
        .accept_sha1()
}

fn ubuntu_sums(release: &str) -> (Vec<u8>, Vec<u8>) {
    (
        fixture(&format!("{release}/SHA256SUMS")),
        fixture(&format!("{release}/SHA256SUMS.gpg")),
    )
}

#[test]
fn real_sums_verify_and_the_weak_digest_is_told() {
    for release in RELEASES {
        let (sums, signature) = ubuntu_sums(release);
        let verified = verify_detached(&ubuntu_keyring(), &sums, &signature).expect(release);
        assert_eq!(
            (verified.key.as_str(), verified.weak_digest),
            (UBUNTU_KEY, Some("SHA-1")),
            "{release}"
        );
        crate::Sums::parse(&sums).expect(release);
    }
}

#[test]
fn sha1_is_refused_for_a_key_it_is_not_accepted_for() {
    let keyring = Keyring::pinned(fixture("ubuntu-cloudimage.asc"), UBUNTU_KEY).expect("the pinned key");
    let (sums, signature) = ubuntu_sums("jammy");
    let error = verify_detached(&keyring, &sums, &signature).expect_err("a SHA-1 self-signature");
    assert!(
        matches!(error, SignatureError::Key(KeyringError::NoSelfSignature { .. })),
        "{error:?}"
    );
}

#[test]
fn any_changed_byte_of_the_sums_is_refused_and_told() {
    let keyring = ubuntu_keyring();
    let (sums, signature) = ubuntu_sums("jammy");
    for position in (0..sums.len()).step_by(37).chain([sums.len() - 1]) {
        let mut changed = sums.clone();
        changed[position] ^= 1;
        let error = verify_detached(&keyring, &changed, &signature).expect_err("changed sums");
        assert_eq!(
            error.to_string(),
            format!("the signature by {UBUNTU_KEY} does not match what it vouches for: either was changed"),
            "at {position}"
        );
    }
}

#[test]
fn a_changed_character_of_the_real_signature_or_key_is_refused() {
    let (sums, signature) = ubuntu_sums("focal");
    for position in body_of(&signature).step_by(29) {
        let mut changed = signature.clone();
        change_character(&mut changed[position]);
        let error = verify_detached(&ubuntu_keyring(), &sums, &changed).expect_err("a changed signature");
        assert!(error.to_string().contains("signature"), "at {position}: {error}");
    }
    let key = fixture("ubuntu-cloudimage.asc");
    for position in body_of(&key).step_by(31) {
        let mut changed = key.clone();
        change_character(&mut changed[position]);
        let text = match Keyring::pinned(&changed, UBUNTU_KEY) {
            Err(error) => error.to_string(),
            Ok(keyring) => match verify_detached(&keyring.accept_sha1(), &sums, &ubuntu_sums("focal").1) {
                Err(SignatureError::Key(error)) => error.to_string(),
                other => panic!("at {position}: {other:?}"),
            },
        };
        assert!(text.contains("the key"), "at {position}: {text}");
    }
}

/// Returns where the armoured bytes are: after the header, which says nothing, and before the checksum.
fn body_of(armoured: &[u8]) -> std::ops::Range<usize> {
    let header = armoured
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .expect("the end of the header");
    header + 2..armoured.len() - 60
}

fn change_character(character: &mut u8) {
    *character = match *character {
        b'\n' => b'\n' + 1,
        b'A' => b'B',
        _ => b'A',
    };
}
