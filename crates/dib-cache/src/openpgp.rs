//! Detached OpenPGP signatures, checked against a key that is pinned by its fingerprint.
//!
//! The rules are stricter than a general OpenPGP program's, since one known key must have signed: only that key or
//! a subkey it bound for signing counts, only signatures over documents, no weak digests unless accepted for that
//! key, and the signature must have been made while the key was valid. Packets are those of RFC 9580.

mod keyring;

use std::io::Cursor;
use std::time::SystemTime;

use pgp::composed::{Deserializable, DetachedSignature};
use pgp::packet::{Signature, SignatureType, SignatureVersion, SubpacketData};

pub use keyring::{Keyring, KeyringError};
use keyring::{SigningKey, has_unknown_critical_part};

/// More signatures than this in one file are not looked at: each costs a public-key operation.
const MOST_SIGNATURES: usize = 64;

/// How far ahead of this machine's clock a signature may have been made, in seconds.
const CLOCK_SKEW: u64 = 24 * 60 * 60;

/// A signature that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedSignature {
    /// The fingerprint of the pinned key, in uppercase hexadecimal digits.
    pub key: String,
    /// The fingerprint of the key that signed: the pinned one, or a subkey of it.
    pub signed_by: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The digest's name when it is one that is accepted for this key alone.
    pub weak_digest: Option<&'static str>,
}

/// Why a signature was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The signature is not an OpenPGP signature.
    #[error("the signature is not a readable OpenPGP signature: it was changed, or is something else")]
    Unreadable {
        /// What the parser met.
        source: Box<pgp::errors::Error>,
    },
    /// The file has no signature in it.
    #[error("the signature is empty: no OpenPGP signature is in it")]
    Empty,
    /// No signature names the pinned key.
    #[error("the signature is by {found}, not by the pinned key {key}")]
    OtherKey {
        /// The pinned key's fingerprint.
        key: String,
        /// The keys that the signatures name.
        found: String,
    },
    /// The bytes are not the signed ones.
    #[error("the signature by {key} does not match the sums: either was changed")]
    Mismatch {
        /// The fingerprint of the key the signature names.
        key: String,
    },
    /// The signature is over these bytes, but its own bytes are not what the key made.
    #[error("the signature by {key} is over these sums but is not good: the signature was changed")]
    Changed {
        /// The fingerprint of the key the signature names.
        key: String,
    },
    /// The digest is too weak.
    #[error("the signature by {key} is over a {digest} digest, which is refused")]
    WeakDigest {
        /// The fingerprint of the key the signature names.
        key: String,
        /// The digest's name.
        digest: String,
    },
    /// The signature is not one over a document, or asks for what is not understood.
    #[error("the signature by {key} is of a kind that says nothing about a file's content ({kind})")]
    WrongKind {
        /// The fingerprint of the key the signature names.
        key: String,
        /// What it is.
        kind: String,
    },
    /// The signature was not made, or is not to be used, at such a time.
    #[error("the signature by {key} is refused: {reason}")]
    WrongTime {
        /// The fingerprint of the key the signature names.
        key: String,
        /// Which of the times is wrong.
        reason: &'static str,
    },
    /// The pinned key itself can't vouch for anything.
    #[error("the pinned key can't vouch for the sums")]
    Key(#[from] KeyringError),
}

/// Checks that `signature` holds a good signature over `data` by the key of `keyring`.
///
/// Several signatures may be in one file; one good one suffices. ASCII armour and the binary form are both read.
///
/// # Errors
/// Says what is wrong with the signature, or with the key, of the signature that came nearest to being good.
pub fn verify_detached(
    keyring: &Keyring,
    data: &[u8],
    signature: &[u8],
) -> Result<VerifiedSignature, SignatureError> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let signing_keys = keyring.signing_keys()?;
    let unreadable = |source| SignatureError::Unreadable {
        source: Box::new(source),
    };
    let (signatures, _) =
        DetachedSignature::from_reader_many(Cursor::new(signature.to_vec())).map_err(unreadable)?;

    let mut failure = None;
    let mut other_keys = Vec::new();
    for parsed in signatures.take(MOST_SIGNATURES) {
        let signature = match parsed {
            Ok(parsed) => parsed.signature,
            Err(error) => {
                failure.get_or_insert(unreadable(error));
                continue;
            }
        };
        let mut named = false;
        for key in signing_keys.iter().filter(|key| key.is_named_by(&signature)) {
            named = true;
            match check(keyring, key, data, &signature, now) {
                Ok(verified) => return Ok(verified),
                Err(error) => failure = Some(error),
            }
        }
        if !named {
            other_keys.push(named_issuer(&signature));
        }
    }
    Err(match failure {
        Some(failure) => failure,
        None if other_keys.is_empty() => SignatureError::Empty,
        None => SignatureError::OtherKey {
            key: keyring.fingerprint().to_owned(),
            found: other_keys.join(" and "),
        },
    })
}

fn check(
    keyring: &Keyring,
    key: &SigningKey<'_>,
    data: &[u8],
    signature: &Signature,
    now: u64,
) -> Result<VerifiedSignature, SignatureError> {
    let kind = signature.typ();
    if !matches!(kind, Some(SignatureType::Binary | SignatureType::Text)) {
        let kind = kind.map_or_else(|| "unknown version".to_owned(), |kind| format!("{kind:?}"));
        return Err(SignatureError::WrongKind {
            key: key.fingerprint(),
            kind,
        });
    }
    if has_unknown_critical_part(signature) {
        let kind = "it has a critical part that is not understood".to_owned();
        return Err(SignatureError::WrongKind {
            key: key.fingerprint(),
            kind,
        });
    }
    let weak_digest = keyring
        .judge_digest(signature)
        .map_err(|digest| SignatureError::WeakDigest {
            key: key.fingerprint(),
            digest,
        })?;
    key.verify(signature, data).map_err(|_| {
        let key = key.fingerprint();
        if repeats_digest_of(signature, data) {
            SignatureError::Changed { key }
        } else {
            SignatureError::Mismatch { key }
        }
    })?;
    key.usable()?;
    let created = check_times(key, signature, now).map_err(|reason| SignatureError::WrongTime {
        key: key.fingerprint(),
        reason,
    })?;
    Ok(VerifiedSignature {
        key: keyring.fingerprint().to_owned(),
        signed_by: key.fingerprint(),
        created,
        weak_digest,
    })
}

/// Returns whether a signature repeats the first two bytes of the digest over `data` (RFC 9580, 5.2.3): then `data`
/// is what was signed, but for one time in 65,536. Says no where it isn't known.
fn repeats_digest_of(signature: &Signature, data: &[u8]) -> bool {
    let compare = || {
        let config = signature.config()?;
        if config.version() != SignatureVersion::V4 || config.typ() != SignatureType::Binary {
            return None;
        }
        let mut digest = config.hash_alg.new_hasher().ok()?;
        config.hash_data_to_sign(&mut digest, data).ok()?;
        let length = config.hash_signature_data(&mut digest).ok()?;
        digest.update(&config.trailer(length).ok()?);
        Some(digest.finalize().starts_with(&signature.signed_hash_value()?))
    };
    compare().unwrap_or(false)
}

/// Returns when the signature was made, in seconds since 1970.
fn check_times(key: &SigningKey<'_>, signature: &Signature, now: u64) -> Result<u64, &'static str> {
    let created = u64::from(
        signature
            .created()
            .ok_or("it doesn't say when it was made")?
            .as_secs(),
    );
    if created > now + CLOCK_SKEW {
        return Err("it was made in the future, or this machine's clock is wrong");
    }
    if created < key.valid_from() {
        return Err("it was made before the key existed");
    }
    if key.valid_until().is_some_and(|end| created >= end) {
        return Err("it was made after the key expired");
    }
    let lifetime = signature
        .signature_expiration_time()
        .map_or(0, |time| u64::from(time.as_secs()));
    if lifetime != 0 && created + lifetime <= now {
        return Err("it has expired");
    }
    Ok(created)
}

/// Returns who a signature says it is by.
fn named_issuer(signature: &Signature) -> String {
    let fingerprint = signature
        .issuer_fingerprint()
        .first()
        .map(|fingerprint| format!("{fingerprint:X}"));
    let key_id = signature
        .issuer_key_id()
        .first()
        .map(|key_id| key_id.to_string().to_uppercase());
    fingerprint
        .or(key_id)
        .unwrap_or_else(|| "an unnamed key".to_owned())
}

/// Returns whether a subpacket is one this module neither knows nor may pass over.
fn is_unknown(data: &SubpacketData) -> bool {
    matches!(
        data,
        SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
    )
}

#[cfg(test)]
mod tests;
