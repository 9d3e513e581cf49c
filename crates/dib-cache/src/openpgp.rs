//! OpenPGP signatures, detached or around a text, checked against keys that are known beforehand.
//!
//! The rules are stricter than a general OpenPGP program's, since a known key must have signed: only that key or
//! a subkey it bound for signing counts, only signatures over documents, no weak digests unless accepted for that
//! key, and the signature must have been made while the key was valid. Packets are those of RFC 9580.

mod certificate;
mod clearsigned;
mod keyring;

use std::io::Cursor;
use std::time::SystemTime;

use pgp::composed::{Deserializable, DetachedSignature};
use pgp::packet::{Signature, SignatureType, SignatureVersion, SubpacketData};

use certificate::{Certificate, SigningKey, has_unknown_critical_part};
pub use clearsigned::verify_clearsigned;
pub use keyring::{Keyring, KeyringError};

/// More signatures than this in one file are not looked at: each costs a public-key operation.
const MOST_SIGNATURES: usize = 64;

/// How far ahead of this machine's clock a signature may have been made, in seconds.
const CLOCK_SKEW: u64 = 24 * 60 * 60;

/// A signature that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedSignature {
    /// The fingerprint of the certificate's primary key, in uppercase hexadecimal digits.
    pub key: String,
    /// The fingerprint of the key that signed: the primary one, or a subkey of it.
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
    /// No signature names a key of the keyring, which has several.
    #[error("signed by {found}, which is none of the {keys} keys that are trusted here")]
    UnknownKeys {
        /// The keys that the signatures name.
        found: String,
        /// How many certificates the keyring has.
        keys: usize,
    },
    /// The file is not a signed text.
    #[error("not a text with an OpenPGP signature: {problem}")]
    NotClearsigned {
        /// What is wrong with its form.
        problem: &'static str,
    },
    /// The bytes are not the signed ones.
    #[error("the signature by {key} does not match what it vouches for: either was changed")]
    Mismatch {
        /// The fingerprint of the key the signature names.
        key: String,
    },
    /// The signature is over these bytes, but its own bytes are not what the key made.
    #[error("the signature by {key} is over the right content but is not good: the signature was changed")]
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
    /// No key of the keyring can vouch for anything.
    #[error("the key can't vouch for anything")]
    Key(#[from] KeyringError),
}

/// Checks that `signature` holds a good signature over `data` by a key of `keyring`.
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
    let keys = signing_keys(keyring)?;
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
        for (certificate, key) in keys.iter().filter(|(_, key)| key.is_named_by(&signature)) {
            named = true;
            match check(certificate, key, data, &signature, now) {
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
        None => by_others(keyring, &other_keys.join(" and ")),
    })
}

/// Returns the keys of all certificates that are in order; the error is of one when none is.
fn signing_keys(keyring: &Keyring) -> Result<Vec<(&Certificate, SigningKey<'_>)>, KeyringError> {
    let (mut keys, mut failure) = (Vec::new(), None);
    for certificate in keyring.certificates() {
        match certificate.signing_keys() {
            Ok(found) => keys.extend(found.into_iter().map(|key| (certificate, key))),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(failure) if keys.is_empty() => Err(failure),
        _ => Ok(keys),
    }
}

fn by_others(keyring: &Keyring, found: &str) -> SignatureError {
    let mut fingerprints = keyring.fingerprints();
    match (fingerprints.next(), fingerprints.len()) {
        (Some(only), 0) => SignatureError::OtherKey {
            key: only.to_owned(),
            found: found.to_owned(),
        },
        (_, others) => SignatureError::UnknownKeys {
            found: found.to_owned(),
            keys: others + 1,
        },
    }
}

fn check(
    certificate: &Certificate,
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
    let weak_digest = certificate
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
        key: certificate.fingerprint().to_owned(),
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
        if config.version() != SignatureVersion::V4
            || !matches!(config.typ(), SignatureType::Binary | SignatureType::Text)
        {
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
