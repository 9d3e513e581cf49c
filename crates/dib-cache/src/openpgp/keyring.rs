//! The certificates whose keys may vouch for a file.

use std::io::Cursor;

use pgp::composed::{Deserializable, SignedPublicKey};

use super::certificate::Certificate;

/// OpenPGP certificates, any of which may vouch for a file: mostly one, pinned by its primary key's full fingerprint.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// Never empty.
    certificates: Vec<Certificate>,
}

/// Why a key can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The fingerprint is not one in full.
    #[error("{text:?} is not a full fingerprint of 40 or 64 hexadecimal digits")]
    BadFingerprint {
        /// What was given.
        text: String,
    },
    /// The bytes hold no OpenPGP certificate.
    #[error("the key is not a readable OpenPGP certificate: it was changed, or is something else")]
    Unreadable {
        /// What the parser met.
        source: Box<pgp::errors::Error>,
    },
    /// The certificate is another key's.
    #[error("the key is {found}, not the pinned {fingerprint}: it was changed, or is another")]
    OtherKey {
        /// The pinned fingerprint.
        fingerprint: String,
        /// The fingerprints that were found.
        found: String,
    },
    /// The file holds no certificate, or several.
    #[error("the file holds {count} keys where one is wanted")]
    NotOne {
        /// How many it holds.
        count: usize,
    },
    /// Nothing shows that the parts of the certificate belong together.
    #[error(
        "the key {fingerprint} has no acceptable signature by itself: it was changed, or its digest is weak"
    )]
    NoSelfSignature {
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// The owner withdrew the key.
    #[error("the key {fingerprint} is revoked")]
    Revoked {
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// The key is for other uses.
    #[error("the key {fingerprint} is not one for signing")]
    NotForSigning {
        /// The key's fingerprint.
        fingerprint: String,
    },
}

impl Keyring {
    /// Takes the certificate with this primary key's fingerprint (40 or 64 hexadecimal digits, blanks allowed) from
    /// `certificate`, which may be ASCII-armoured or binary.
    ///
    /// # Errors
    /// When the fingerprint is not a full one, nothing is readable, or no certificate has that fingerprint.
    pub fn pinned(certificate: impl AsRef<[u8]>, fingerprint: &str) -> Result<Self, KeyringError> {
        let wanted: String = fingerprint
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if !matches!(wanted.len(), 40 | 64) || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KeyringError::BadFingerprint {
                text: fingerprint.to_owned(),
            });
        }
        let mut found = Vec::new();
        for certificate in certificates_in(certificate.as_ref())? {
            let certificate = certificate?;
            if certificate.fingerprint() == wanted {
                return Ok(Self {
                    certificates: vec![certificate],
                });
            }
            found.push(certificate.fingerprint().to_owned());
        }
        let found = if found.is_empty() {
            "no key at all".to_owned()
        } else {
            found.join(" and ")
        };
        Err(KeyringError::OtherKey {
            fingerprint: wanted,
            found,
        })
    }

    /// Takes the one certificate in `certificate`, for a key that the user vouches for by naming its file.
    ///
    /// # Errors
    /// When nothing is readable, or when it holds no certificate or more than one.
    pub fn only(certificate: impl AsRef<[u8]>) -> Result<Self, KeyringError> {
        let certificates = certificates_in(certificate.as_ref())?.collect::<Result<Vec<_>, _>>()?;
        if certificates.len() == 1 {
            Ok(Self { certificates })
        } else {
            Err(KeyringError::NotOne {
                count: certificates.len(),
            })
        }
    }

    /// Takes every certificate of every file, for keys whose files come from a package that is trusted; each file is
    /// in the binary form or holds one or more ASCII-armoured blocks.
    ///
    /// A certificate that can't be read is passed over as long as there is another: it may be of a kind that only a
    /// newer program knows, and without it less is trusted, not more.
    ///
    /// # Errors
    /// When no certificate can be read.
    pub fn any_of(files: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, KeyringError> {
        let (mut certificates, mut failure) = (Vec::new(), None);
        for file in files {
            for block in armoured_blocks(file.as_ref()) {
                match certificates_in(block) {
                    Ok(found) => {
                        for certificate in found {
                            match certificate {
                                Ok(certificate) => certificates.push(certificate),
                                Err(error) => failure = Some(error),
                            }
                        }
                    }
                    Err(error) => failure = Some(error),
                }
            }
        }
        if certificates.is_empty() {
            Err(failure.unwrap_or(KeyringError::NotOne { count: 0 }))
        } else {
            Ok(Self { certificates })
        }
    }

    /// Accepts SHA-1 digests in signatures by these keys, for keys whose owners still make such signatures.
    #[must_use]
    pub fn accept_sha1(mut self) -> Self {
        for certificate in &mut self.certificates {
            certificate.accept_sha1();
        }
        self
    }

    /// Returns the primary keys' fingerprints in uppercase hexadecimal digits; there is at least one.
    pub fn fingerprints(&self) -> impl ExactSizeIterator<Item = &str> {
        self.certificates.iter().map(Certificate::fingerprint)
    }

    pub(super) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

fn certificates_in(
    file: &[u8],
) -> Result<impl Iterator<Item = Result<Certificate, KeyringError>>, KeyringError> {
    let unreadable = |source| KeyringError::Unreadable {
        source: Box::new(source),
    };
    let (certificates, _) =
        SignedPublicKey::from_reader_many(Cursor::new(file.to_vec())).map_err(unreadable)?;
    Ok(certificates.map(move |certificate| certificate.map(Certificate::new).map_err(unreadable)))
}

/// Splits a file after each armoured block, of which the parser reads one; a binary file is one piece.
fn armoured_blocks(file: &[u8]) -> Vec<&[u8]> {
    const END: &[u8] = b"-----END PGP PUBLIC KEY BLOCK-----";
    let mut blocks = Vec::new();
    let mut rest = file;
    while let Some(position) = rest.windows(END.len()).position(|window| window == END) {
        let (block, after) = rest.split_at(position + END.len());
        blocks.push(block);
        rest = after;
    }
    if blocks.is_empty() || !rest.trim_ascii().is_empty() {
        blocks.push(rest);
    }
    blocks
}
