//! Bytes from outside, which must never panic.

use pgp::ser::Serialize;
use proptest::prelude::*;

use super::throwaway::{DATA, pinned, throwaway};
use crate::openpgp::{Keyring, verify_detached};

proptest! {
    #[test]
    fn any_bytes_are_taken_for_a_signature_or_a_key(bytes: Vec<u8>) {
        let (certificate, _) = throwaway();
        prop_assert!(verify_detached(&pinned(&certificate), DATA, &bytes).is_err());
        prop_assert!(Keyring::pinned(&bytes, &"0".repeat(40)).is_err());
    }

    #[test]
    fn a_changed_key_is_taken_for_a_key(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let (certificate, _) = throwaway();
        let fingerprint = pinned(&certificate).fingerprints().collect::<String>();
        let mut bytes = certificate.to_bytes().expect("a certificate");
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(keyring) = Keyring::pinned(&bytes, &fingerprint) {
            prop_assert!(verify_detached(&keyring, DATA, &bytes).is_err());
        }
    }
}
