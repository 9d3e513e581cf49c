//! Keys made for one test, and signatures by them.

use pgp::composed::{
    DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, Password, SigningKey, Timestamp};

use crate::openpgp::{Keyring, SignatureError, verify_detached};

pub(super) const DATA: &[u8] = b"the sums\n";

pub(super) fn throwaway_of(kind: KeyType) -> (SignedPublicKey, SignedSecretKey) {
    let subkey = SubkeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .created_at(ago(1000))
        .can_sign(true)
        .build()
        .expect("a subkey's parameters");
    let key = SecretKeyParamsBuilder::default()
        .key_type(kind)
        .created_at(ago(1000))
        .can_certify(true)
        .can_sign(true)
        .primary_user_id("throw-away key of a test".to_owned())
        .subkeys(vec![subkey])
        .build()
        .expect("a key's parameters")
        .generate(rand::thread_rng())
        .expect("a key");
    (key.to_public_key(), key)
}

pub(super) fn throwaway() -> (SignedPublicKey, SignedSecretKey) {
    throwaway_of(KeyType::Ed25519Legacy)
}

pub(super) fn ago(seconds: u32) -> Timestamp {
    Timestamp::from_secs(Timestamp::now().as_secs() - seconds)
}

pub(super) fn pinned(certificate: &SignedPublicKey) -> Keyring {
    let fingerprint = format!("{:X}", certificate.fingerprint());
    Keyring::pinned(certificate.to_bytes().expect("a certificate"), &fingerprint).expect("the pinned key")
}

/// Builds the configuration of a signature by `key` made `seconds` ago.
pub(super) fn config(
    kind: SignatureType,
    key: &impl SigningKey,
    digest: HashAlgorithm,
    seconds: u32,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), digest);
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(ago(seconds)),
        SubpacketData::IssuerFingerprint(key.fingerprint()),
    ]
    .map(|data| Subpacket::regular(data).expect("a subpacket"))
    .into();
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).expect("a subpacket")];
    config
}

pub(super) fn sign(config: SignatureConfig, key: &impl SigningKey) -> DetachedSignature {
    DetachedSignature::new(config.sign(key, &Password::empty(), DATA).expect("a signature"))
}

pub(super) fn signature_by(key: &impl SigningKey, digest: HashAlgorithm) -> DetachedSignature {
    sign(config(SignatureType::Binary, key, digest, 0), key)
}

pub(super) fn check(
    certificate: &SignedPublicKey,
    signature: &DetachedSignature,
) -> Result<String, SignatureError> {
    let bytes = signature.to_bytes().expect("a signature");
    verify_detached(&pinned(certificate), DATA, &bytes).map(|verified| verified.signed_by)
}
