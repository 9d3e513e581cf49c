//! Signatures, real and made for the purpose.
