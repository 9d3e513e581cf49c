//! Which signatures over a document count.

use pgp::composed::{ArmorOptions, DetachedSignature, KeyType};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, Timestamp};

use super::throwaway::{DATA, check, config, pinned, sign, signature_by, throwaway, throwaway_of};
use crate::openpgp::{Keyring, KeyringError, SignatureError, verify_detached};

#[test]
fn any_changed_byte_of_a_signature_is_refused_and_told() {
    let (certificate, key) = throwaway();
    let keyring = pinned(&certificate);
    let signature = signature_by(&key.primary_key, HashAlgorithm::Sha256)
        .to_bytes()
        .expect("a signature");
    for position in 0..signature.len() {
        for bit in 0..8 {
            let mut changed = signature.clone();
            changed[position] ^= 1 << bit;
            if let Err(error) = verify_detached(&keyring, DATA, &changed) {
                assert!(
                    error.to_string().contains("signature"),
                    "{position}.{bit}: {error}"
                );
            } else {
                assert!(
                    is_uncovered(&signature, position),
                    "bit {bit} of byte {position} was not noticed"
                );
            }
        }
    }
}

/// Returns whether a byte is outside what a version 4 signature covers, and a change of it may pass (RFC 9580, 5.2.3
/// and 3.2): the packet's header, the unhashed area with its hint of who signed, the two numbers' lengths in bits.
fn is_uncovered(signature: &[u8], position: usize) -> bool {
    let header = 2;
    let hashed_end = header + 6 + usize::from(u16::from_be_bytes([signature[6], signature[7]]));
    let unhashed = usize::from(u16::from_be_bytes([
        signature[hashed_end],
        signature[hashed_end + 1],
    ]));
    let first_number = hashed_end + 2 + unhashed + 2;
    let bits = u16::from_be_bytes([signature[first_number], signature[first_number + 1]]);
    let second_number = first_number + 2 + usize::from(bits.div_ceil(8));
    position < header
        || (hashed_end..hashed_end + 2 + unhashed).contains(&position)
        || [first_number, second_number]
            .iter()
            .any(|number| (*number..number + 2).contains(&position))
}

#[test]
fn the_primary_key_and_its_signing_subkey_count() {
    let (certificate, key) = throwaway();
    let by_primary = signature_by(&key.primary_key, HashAlgorithm::Sha512);
    assert_eq!(
        check(&certificate, &by_primary).expect("good"),
        format!("{:X}", certificate.fingerprint())
    );
    let by_subkey = signature_by(&key.secret_subkeys[0].key, HashAlgorithm::Sha256);
    let subkey = format!("{:X}", certificate.public_subkeys[0].fingerprint());
    assert_eq!(check(&certificate, &by_subkey).expect("good"), subkey);
    let armoured = by_subkey
        .to_armored_bytes(ArmorOptions::default())
        .expect("armour");
    verify_detached(&pinned(&certificate), DATA, &armoured).expect("good");
}

#[test]
fn another_key_or_none_is_named() {
    let (certificate, _) = throwaway();
    let (other, other_key) = throwaway();
    let error = check(
        &certificate,
        &signature_by(&other_key.primary_key, HashAlgorithm::Sha256),
    );
    let found = format!("{:X}", other.fingerprint());
    assert!(matches!(error, Err(SignatureError::OtherKey { found: named, .. }) if named == found));
    assert!(matches!(
        verify_detached(&pinned(&certificate), DATA, b""),
        Err(SignatureError::Unreadable { .. } | SignatureError::Empty)
    ));
    assert!(matches!(
        verify_detached(&pinned(&certificate), DATA, b"<html>"),
        Err(SignatureError::Unreadable { .. })
    ));
    let fingerprint = format!("{:X}", certificate.fingerprint());
    let error =
        Keyring::pinned(other.to_bytes().expect("a certificate"), &fingerprint).expect_err("another key");
    assert!(matches!(error, KeyringError::OtherKey { .. }));
    for text in ["", "1A5D6C4C7DB87C81", "zz"] {
        let error = Keyring::pinned(certificate.to_bytes().expect("a certificate"), text)
            .expect_err("no fingerprint");
        assert!(matches!(error, KeyringError::BadFingerprint { .. }));
    }
}

#[test]
fn one_good_signature_among_several_suffices() {
    let (certificate, key) = throwaway_of(KeyType::Rsa(2048));
    let (_, other_key) = throwaway();
    let mut bytes = signature_by(&other_key.primary_key, HashAlgorithm::Sha256)
        .to_bytes()
        .expect("a signature");
    bytes.extend(
        signature_by(&key.primary_key, HashAlgorithm::Sha1)
            .to_bytes()
            .expect("a signature"),
    );
    let error = verify_detached(&pinned(&certificate), DATA, &bytes).expect_err("none is good");
    assert!(matches!(error, SignatureError::WeakDigest { .. }), "{error:?}");
    bytes.extend(
        signature_by(&key.primary_key, HashAlgorithm::Sha256)
            .to_bytes()
            .expect("a signature"),
    );
    verify_detached(&pinned(&certificate), DATA, &bytes).expect("the third is good");
}

#[test]
fn weak_digests_are_refused_and_accepted_for_one_key_only_on_request() {
    let (certificate, key) = throwaway_of(KeyType::Rsa(2048));
    let over_sha1 = signature_by(&key.primary_key, HashAlgorithm::Sha1);
    assert!(
        matches!(check(&certificate, &over_sha1), Err(SignatureError::WeakDigest { digest, .. }) if digest == "SHA1")
    );
    let bytes = over_sha1.to_bytes().expect("a signature");
    let verified = verify_detached(&pinned(&certificate).accept_sha1(), DATA, &bytes).expect("accepted");
    assert_eq!(verified.weak_digest, Some("SHA-1"));
    let over_md5 = signature_by(&key.primary_key, HashAlgorithm::Md5)
        .to_bytes()
        .expect("a signature");
    let error = verify_detached(&pinned(&certificate).accept_sha1(), DATA, &over_md5);
    assert!(matches!(error, Err(SignatureError::WeakDigest { .. })));
}

#[test]
fn signatures_that_are_not_over_documents_or_ask_for_the_unknown_are_refused() {
    let (certificate, key) = throwaway();
    let key = &key.primary_key;
    // No signature is made that covers nothing, so one over a document is taken for it.
    let signature = signature_by(key, HashAlgorithm::Sha256).signature;
    let mut standalone = signature.config().expect("a known version").clone();
    standalone.typ = SignatureType::Standalone;
    let digest_start = signature.signed_hash_value().expect("a known version");
    let numbers = signature.signature().expect("a known version").clone();
    let standalone = DetachedSignature::new(
        Signature::from_config(standalone, digest_start, numbers).expect("a signature"),
    );
    assert!(matches!(
        check(&certificate, &standalone),
        Err(SignatureError::WrongKind { .. })
    ));
    let text = sign(config(SignatureType::Text, key, HashAlgorithm::Sha256, 0), key);
    check(&certificate, &text).expect("a text is a document");
    let mut unknown = config(SignatureType::Binary, key, HashAlgorithm::Sha256, 0);
    let part = SubpacketData::Experimental(101, vec![1].into());
    unknown
        .hashed_subpackets
        .push(Subpacket::critical(part).expect("a subpacket"));
    assert!(matches!(
        check(&certificate, &sign(unknown, key)),
        Err(SignatureError::WrongKind { .. })
    ));
}

#[test]
fn signatures_from_outside_the_time_they_are_good_for_are_refused() {
    let (certificate, key) = throwaway();
    let key = &key.primary_key;
    let refused = |config: SignatureConfig| match check(&certificate, &sign(config, key)) {
        Err(SignatureError::WrongTime { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let at = |seconds| config(SignatureType::Binary, key, HashAlgorithm::Sha256, seconds);
    assert_eq!(refused(at(2000)), "it was made before the key existed");
    let mut future = at(0);
    let time = Timestamp::from_secs(Timestamp::now().as_secs() + 200_000);
    future.hashed_subpackets[0] =
        Subpacket::regular(SubpacketData::SignatureCreationTime(time)).expect("a subpacket");
    assert_eq!(
        refused(future),
        "it was made in the future, or this machine's clock is wrong"
    );
    let mut expired = at(500);
    let lifetime = SubpacketData::SignatureExpirationTime(Duration::from_secs(100));
    expired
        .hashed_subpackets
        .push(Subpacket::regular(lifetime).expect("a subpacket"));
    assert_eq!(refused(expired), "it has expired");
}
