//! Throw-away keys that sign what a test serves.

use pgp::composed::{
    ArmorOptions, DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::types::{KeyDetails as _, Password};

/// A throw-away OpenPGP key.
pub struct SigningKey(SignedSecretKey);

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Panics
    /// When the OpenPGP library can't make one.
    #[must_use]
    pub fn generate() -> Self {
        let mut parameters = SecretKeyParamsBuilder::default();
        parameters
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .primary_user_id("dib test key <test@example.org>".to_owned());
        let parameters = parameters.build().expect("the parameters are complete");
        Self(
            parameters
                .generate(rand::thread_rng())
                .expect("a key can be generated"),
        )
    }

    /// Returns the public key, armoured.
    ///
    /// # Panics
    /// When the OpenPGP library can't write it.
    #[must_use]
    pub fn public(&self) -> String {
        let public: SignedPublicKey = self.0.to_public_key();
        public
            .to_armored_string(ArmorOptions::default())
            .expect("a key can be armoured")
    }

    /// Returns the key's fingerprint in uppercase hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{:X}", self.0.primary_key.fingerprint())
    }

    /// Returns a detached signature, armoured.
    ///
    /// # Panics
    /// When the OpenPGP library can't sign.
    #[must_use]
    pub fn sign(&self, data: &[u8]) -> String {
        let (random, password) = (rand::thread_rng(), Password::empty());
        DetachedSignature::sign_binary_data(
            random,
            &self.0.primary_key,
            &password,
            HashAlgorithm::Sha256,
            data,
        )
        .and_then(|signature| signature.to_armored_string(ArmorOptions::default()))
        .expect("a key made for signing signs")
    }
}
