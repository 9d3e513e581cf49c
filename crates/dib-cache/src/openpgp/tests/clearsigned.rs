//! Texts with signatures around them, and keyrings of several keys.

use pgp::composed::{ArmorOptions, CleartextSignedMessage, SignedSecretKey};
use pgp::ser::Serialize;
use pgp::types::Password;

use super::throwaway::{pinned, throwaway};
use crate::openpgp::{Keyring, KeyringError, SignatureError, verify_clearsigned};

const TEXT: &str = "Suite: stable\n- item\n-----BEGIN\n\nEnd:  x";

fn clearsigned(text: &str, key: &SignedSecretKey) -> String {
    CleartextSignedMessage::sign(rand::thread_rng(), text, &key.primary_key, &Password::empty())
        .and_then(|message| message.to_armored_string(ArmorOptions::default()))
        .expect("a signed text")
}

#[test]
fn the_signed_text_comes_back() {
    let (public, secret) = throwaway();
    let file = clearsigned(TEXT, &secret);
    for file in [file.clone(), file.replace('\n', "\r\n"), format!("{file}\n \n")] {
        let (text, signature) =
            verify_clearsigned(&pinned(&public), file.as_bytes()).expect("a good signature");
        assert_eq!(text, format!("{TEXT}\n"));
        assert_eq!(signature.weak_digest, None);
    }
}

#[test]
fn what_no_signature_covers_does_not_come_back() {
    let (public, secret) = throwaway();
    let file = clearsigned(TEXT, &secret).replace("Suite: stable", "Suite: stable \t");
    let (text, _) = verify_clearsigned(&pinned(&public), file.as_bytes()).expect("a good signature");
    assert_eq!(text, format!("{TEXT}\n"));
}

#[test]
fn a_changed_text_is_refused() {
    let (public, secret) = throwaway();
    let file = clearsigned(TEXT, &secret);
    for (from, to) in [("stable", "sid"), ("End:  x", "End: x"), ("\n\nEnd", "\nEnd")] {
        let changed = file.replace(from, to);
        assert_ne!(changed, file);
        let error = verify_clearsigned(&pinned(&public), changed.as_bytes()).expect_err("a changed text");
        assert!(matches!(error, SignatureError::Mismatch { .. }), "{error}");
    }
}

#[test]
fn other_forms_are_refused() {
    let (public, secret) = throwaway();
    let file = clearsigned("one\n-two\nthree", &secret);
    for malformed in [
        String::new(),
        "one\ntwo\n".to_owned(),
        format!("Suite: evil\n{file}"),
        format!("{file}Suite: evil\n"),
        file.replace("\nHash:", "\nSuite: evil\nHash:"),
        file.replace("- -two", "-two"),
        file.replace("\nthree", "\r three"),
        file.replace("-----END PGP SIGNATURE-----", ""),
        file.replace("-----BEGIN PGP SIGNATURE-----", ""),
        format!("{file}{file}"),
    ] {
        assert_ne!(malformed, file);
        let error = verify_clearsigned(&pinned(&public), malformed.as_bytes()).expect_err(&malformed);
        assert!(matches!(error, SignatureError::NotClearsigned { .. }), "{error}");
    }
}

#[test]
fn any_key_of_a_keyring_may_sign() {
    let [first, second, third] = [throwaway(), throwaway(), throwaway()];
    let binary = first.0.to_bytes().expect("a certificate");
    let armoured = second
        .0
        .to_armored_string(ArmorOptions::default())
        .expect("a certificate");
    let both = [&binary[..], armoured.as_bytes()];
    let keyring = Keyring::any_of(both).expect("two keys");
    for (_, secret) in [&first, &second] {
        let file = clearsigned(TEXT, secret);
        verify_clearsigned(&keyring, file.as_bytes()).expect("a key of the keyring");
    }
    let error =
        verify_clearsigned(&keyring, clearsigned(TEXT, &third.1).as_bytes()).expect_err("another key");
    assert!(
        matches!(error, SignatureError::UnknownKeys { keys: 2, .. }),
        "{error}"
    );

    let third = third
        .0
        .to_armored_string(ArmorOptions::default())
        .expect("a certificate");
    let blocks = format!("{armoured}\n{third}");
    let one_file = Keyring::any_of([&blocks]).expect("two keys in one file");
    assert_eq!(one_file.fingerprints().len(), 2);
}

#[test]
fn a_keyring_passes_over_what_it_cannot_read_but_is_never_empty() {
    let (public, _) = throwaway();
    let good = public.to_bytes().expect("a certificate");
    let keyring = Keyring::any_of([b"rubbish".to_vec(), good]).expect("one key");
    assert_eq!(keyring.fingerprints().len(), 1);
    assert!(Keyring::any_of([b"rubbish"]).is_err());
    let error = Keyring::any_of(Vec::<Vec<u8>>::new()).expect_err("no key");
    assert!(matches!(error, KeyringError::NotOne { count: 0 }), "{error}");
}
