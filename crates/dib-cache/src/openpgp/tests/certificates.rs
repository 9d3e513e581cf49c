//! Which keys may vouch: not those that expired, were revoked, or are for something else.

use pgp::composed::{SignedPublicKey, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, Signature, SignatureType, Subpacket, SubpacketData};
use pgp::types::{Duration, Password, Tag};

use super::throwaway::{check, config, sign, signature_by, throwaway};
use crate::openpgp::{KeyringError, SignatureError};

/// Replaces what the primary key says about itself.
fn describe_anew(certificate: &mut SignedPublicKey, key: &SignedSecretKey, about: Vec<SubpacketData>) {
    let mut config = config(
        SignatureType::CertPositive,
        &key.primary_key,
        HashAlgorithm::Sha256,
        900,
    );
    config.hashed_subpackets.extend(
        about
            .into_iter()
            .map(|data| Subpacket::regular(data).expect("a subpacket")),
    );
    let user = &mut certificate.details.users[0];
    let signature = config
        .sign_certification(
            &key.primary_key,
            &certificate.primary_key,
            &Password::empty(),
            Tag::UserId,
            &user.id,
        )
        .expect("a self-signature");
    user.signatures = vec![signature];
}

#[test]
fn an_expired_key_vouches_only_for_what_it_signed_before() {
    let (mut certificate, key) = throwaway();
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    let about = vec![
        SubpacketData::KeyFlags(flags),
        SubpacketData::KeyExpirationTime(Duration::from_secs(500)),
    ];
    describe_anew(&mut certificate, &key, about);
    let at = |seconds| {
        config(
            SignatureType::Binary,
            &key.primary_key,
            HashAlgorithm::Sha256,
            seconds,
        )
    };
    check(&certificate, &sign(at(600), &key.primary_key)).expect("signed while valid");
    let late = check(&certificate, &sign(at(100), &key.primary_key));
    assert!(matches!(
        late,
        Err(SignatureError::WrongTime {
            reason: "it was made after the key expired",
            ..
        })
    ));
    let subkey = &key.secret_subkeys[0].key;
    let late = sign(
        config(SignatureType::Binary, subkey, HashAlgorithm::Sha256, 100),
        subkey,
    );
    assert!(matches!(
        check(&certificate, &late),
        Err(SignatureError::WrongTime { .. })
    ));
}

#[test]
fn a_key_for_other_uses_does_not_vouch() {
    let (mut certificate, key) = throwaway();
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    describe_anew(&mut certificate, &key, vec![SubpacketData::KeyFlags(flags)]);
    let error = check(
        &certificate,
        &signature_by(&key.primary_key, HashAlgorithm::Sha256),
    );
    assert!(
        matches!(
            error,
            Err(SignatureError::Key(KeyringError::NotForSigning { .. }))
        ),
        "{error:?}"
    );
    check(
        &certificate,
        &signature_by(&key.secret_subkeys[0].key, HashAlgorithm::Sha256),
    )
    .expect("its use");
}

#[test]
fn a_revoked_key_does_not_vouch() {
    let (mut certificate, key) = throwaway();
    let signature = signature_by(&key.primary_key, HashAlgorithm::Sha256);
    let revocation: Signature = config(
        SignatureType::KeyRevocation,
        &key.primary_key,
        HashAlgorithm::Sha256,
        10,
    )
    .sign_key(&key.primary_key, &Password::empty(), &certificate.primary_key)
    .expect("a revocation");
    certificate.details.revocation_signatures.push(revocation);
    let error = check(&certificate, &signature);
    assert!(
        matches!(error, Err(SignatureError::Key(KeyringError::Revoked { .. }))),
        "{error:?}"
    );
}

#[test]
fn a_revoked_or_claimed_subkey_does_not_vouch() {
    let (certificate, key) = throwaway();
    let signature = signature_by(&key.secret_subkeys[0].key, HashAlgorithm::Sha256);
    let bind = |kind| config(kind, &key.primary_key, HashAlgorithm::Sha256, 10);

    let mut revoked = certificate.clone();
    let subkey = &mut revoked.public_subkeys[0];
    let revocation = bind(SignatureType::SubkeyRevocation)
        .sign_subkey_binding(
            &key.primary_key,
            &certificate.primary_key,
            &Password::empty(),
            &subkey.key,
        )
        .expect("a revocation");
    subkey.signatures.push(revocation);
    let error = check(&revoked, &signature);
    assert!(
        matches!(error, Err(SignatureError::Key(KeyringError::Revoked { .. }))),
        "{error:?}"
    );

    // A binding without the subkey's own signature in return: anyone could claim another's subkey like that.
    let mut claimed = certificate.clone();
    let subkey = &mut claimed.public_subkeys[0];
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    let mut binding = bind(SignatureType::SubkeyBinding);
    binding
        .hashed_subpackets
        .push(Subpacket::regular(SubpacketData::KeyFlags(flags)).expect("a subpacket"));
    subkey.signatures = vec![
        binding
            .sign_subkey_binding(
                &key.primary_key,
                &certificate.primary_key,
                &Password::empty(),
                &subkey.key,
            )
            .expect("a binding"),
    ];
    let error = check(&claimed, &signature);
    assert!(
        matches!(
            error,
            Err(SignatureError::Key(KeyringError::NotForSigning { .. }))
        ),
        "{error:?}"
    );

    // A subkey moved over from another certificate has no binding by this primary key.
    let (mut stolen, _) = throwaway();
    stolen.public_subkeys = certificate.public_subkeys.clone();
    assert!(matches!(
        check(&stolen, &signature),
        Err(SignatureError::OtherKey { .. })
    ));
}
