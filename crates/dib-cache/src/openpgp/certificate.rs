//! One certificate: which of its keys may sign, and when.

use std::sync::Arc;

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, Tag};

use super::is_unknown;
use super::keyring::KeyringError;

/// An OpenPGP certificate: a primary key and what it says of itself and its subkeys.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    parts: Arc<SignedPublicKey>,
    fingerprint: String,
    sha1_accepted: bool,
}

impl Certificate {
    pub(super) fn new(certificate: SignedPublicKey) -> Self {
        let fingerprint = format!("{:X}", certificate.primary_key.fingerprint());
        Self {
            parts: Arc::new(certificate),
            fingerprint,
            sha1_accepted: false,
        }
    }

    pub(super) fn accept_sha1(&mut self) {
        self.sha1_accepted = true;
    }

    /// Returns the primary key's fingerprint in uppercase hexadecimal digits.
    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the primary key and every subkey with a binding, each with what may be said about it.
    pub(super) fn signing_keys(&self) -> Result<Vec<SigningKey<'_>>, KeyringError> {
        let primary = &self.parts.primary_key;
        let fingerprint = || self.fingerprint.clone();
        let self_signature = self
            .latest_self_signature()
            .ok_or_else(|| KeyringError::NoSelfSignature {
                fingerprint: fingerprint(),
            })?;
        let revocations = &self.parts.details.revocation_signatures;
        if revocations
            .iter()
            .any(|revocation| revocation.verify_key(primary).is_ok())
        {
            return Err(KeyringError::Revoked {
                fingerprint: fingerprint(),
            });
        }
        let valid_from = u64::from(primary.created_at().as_secs());
        let valid_until = end_of_life(valid_from, self_signature);
        let mut keys = vec![SigningKey {
            key: PublicKey::Primary(&self.parts),
            standing: if may_sign(self_signature) {
                Standing::Good
            } else {
                Standing::NotForSigning
            },
            valid_from,
            valid_until,
        }];
        for subkey in &self.parts.public_subkeys {
            keys.extend(self.subkey(subkey, valid_until));
        }
        Ok(keys)
    }

    /// Returns the name of the digest when it is weak but accepted for this key.
    pub(super) fn judge_digest(&self, signature: &Signature) -> Result<Option<&'static str>, String> {
        match signature.hash_alg() {
            Some(
                HashAlgorithm::Sha256
                | HashAlgorithm::Sha384
                | HashAlgorithm::Sha512
                | HashAlgorithm::Sha224
                | HashAlgorithm::Sha3_256
                | HashAlgorithm::Sha3_512,
            ) => Ok(None),
            Some(HashAlgorithm::Sha1) if self.sha1_accepted => Ok(Some("SHA-1")),
            Some(other) => Err(other.to_string()),
            None => Err("unknown".to_owned()),
        }
    }

    /// Returns the newest signature by which the primary key describes itself, directly or with a user ID.
    fn latest_self_signature(&self) -> Option<&Signature> {
        let primary = &self.parts.primary_key;
        let details = &self.parts.details;
        let direct = details.direct_signatures.iter().filter(|signature| {
            signature.typ() == Some(SignatureType::Key) && signature.verify_key(primary).is_ok()
        });
        let over_users = details.users.iter().flat_map(|user| {
            user.signatures.iter().filter(|signature| {
                signature.typ() != Some(SignatureType::CertRevocation)
                    && signature
                        .verify_certification(primary, Tag::UserId, &user.id)
                        .is_ok()
            })
        });
        direct
            .chain(over_users)
            .filter(|signature| self.is_acceptable(signature))
            .max_by_key(created)
    }

    fn subkey<'k>(
        &'k self,
        subkey: &'k SignedPublicSubKey,
        primary_until: Option<u64>,
    ) -> Option<SigningKey<'k>> {
        let primary = &self.parts.primary_key;
        let bound = |kind: SignatureType| {
            subkey.signatures.iter().filter(move |signature| {
                signature.typ() == Some(kind) && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
            })
        };
        let binding = bound(SignatureType::SubkeyBinding)
            .filter(|signature| self.is_acceptable(signature))
            .max_by_key(created)?;
        let standing = if bound(SignatureType::SubkeyRevocation).next().is_some() {
            Standing::Revoked
        } else if states_use(binding) && may_sign(binding) && self.is_agreed(subkey, binding) {
            Standing::Good
        } else {
            Standing::NotForSigning
        };
        let valid_from = u64::from(subkey.key.created_at().as_secs());
        let valid_until = [end_of_life(valid_from, binding), primary_until]
            .into_iter()
            .flatten()
            .min();
        Some(SigningKey {
            key: PublicKey::Subkey(subkey),
            standing,
            valid_from,
            valid_until,
        })
    }

    /// Returns whether the subkey signed in return that it belongs to the primary key, without which anyone could
    /// claim another's subkey.
    fn is_agreed(&self, subkey: &SignedPublicSubKey, binding: &Signature) -> bool {
        binding.embedded_signature().is_some_and(|in_return| {
            self.is_acceptable(in_return)
                && in_return
                    .verify_primary_key_binding(&subkey.key, &self.parts.primary_key)
                    .is_ok()
        })
    }

    fn is_acceptable(&self, signature: &Signature) -> bool {
        self.judge_digest(signature).is_ok() && !has_unknown_critical_part(signature)
    }
}

/// A key of the certificate that a signature may name.
pub(super) struct SigningKey<'k> {
    key: PublicKey<'k>,
    standing: Standing,
    valid_from: u64,
    valid_until: Option<u64>,
}

enum PublicKey<'k> {
    Primary(&'k SignedPublicKey),
    Subkey(&'k SignedPublicSubKey),
}

#[derive(Clone, Copy)]
enum Standing {
    Good,
    Revoked,
    NotForSigning,
}

impl SigningKey<'_> {
    pub(super) fn fingerprint(&self) -> String {
        match self.key {
            PublicKey::Primary(key) => format!("{:X}", key.fingerprint()),
            PublicKey::Subkey(key) => format!("{:X}", key.fingerprint()),
        }
    }

    /// Returns whether `signature` says it is by this key; one that doesn't say may be by any.
    pub(super) fn is_named_by(&self, signature: &Signature) -> bool {
        let (fingerprint, key_id) = match self.key {
            PublicKey::Primary(key) => (key.fingerprint(), key.legacy_key_id()),
            PublicKey::Subkey(key) => (key.fingerprint(), key.legacy_key_id()),
        };
        let (fingerprints, key_ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
        (fingerprints.is_empty() && key_ids.is_empty())
            || fingerprints.contains(&&fingerprint)
            || key_ids.contains(&&key_id)
    }

    pub(super) fn verify(&self, signature: &Signature, data: &[u8]) -> Result<(), pgp::errors::Error> {
        match self.key {
            PublicKey::Primary(key) => signature.verify(&key.primary_key, data),
            PublicKey::Subkey(key) => signature.verify(&key.key, data),
        }
    }

    pub(super) fn usable(&self) -> Result<(), KeyringError> {
        let fingerprint = self.fingerprint();
        match self.standing {
            Standing::Good => Ok(()),
            Standing::Revoked => Err(KeyringError::Revoked { fingerprint }),
            Standing::NotForSigning => Err(KeyringError::NotForSigning { fingerprint }),
        }
    }

    /// Since when the key exists, in seconds since 1970.
    pub(super) fn valid_from(&self) -> u64 {
        self.valid_from
    }

    /// When the key expires, in seconds since 1970, unless it never does.
    pub(super) fn valid_until(&self) -> Option<u64> {
        self.valid_until
    }
}

/// Returns whether a signature asks, as critical, for something not understood here (RFC 9580, 5.2.3.7).
pub(super) fn has_unknown_critical_part(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| {
        config
            .hashed_subpackets()
            .any(|subpacket| subpacket.is_critical && is_unknown(&subpacket.data))
    })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "`max_by_key` hands out references to references"
)]
fn created(signature: &&Signature) -> u32 {
    signature.created().map_or(0, pgp::types::Timestamp::as_secs)
}

/// Returns when a key made at `valid_from` expires according to the signature about it.
fn end_of_life(valid_from: u64, about: &Signature) -> Option<u64> {
    let lifetime = about
        .key_expiration_time()
        .map_or(0, |time| u64::from(time.as_secs()));
    (lifetime != 0).then_some(valid_from + lifetime)
}

fn states_use(about: &Signature) -> bool {
    about.config().is_some_and(|config| {
        config
            .hashed_subpackets()
            .any(|subpacket| matches!(subpacket.data, SubpacketData::KeyFlags(_)))
    })
}

/// A primary key without stated uses may sign; with them, only when signing is among them.
fn may_sign(about: &Signature) -> bool {
    !states_use(about) || about.key_flags().sign()
}
