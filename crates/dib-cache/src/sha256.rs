//! SHA-256 sums and the reader that computes one while bytes go by.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest;

/// A SHA-256 sum, shown as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

/// Text that is not a SHA-256 sum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a SHA-256 sum of 64 hexadecimal digits")]
pub struct InvalidSha256 {
    text: String,
}

impl Sha256 {
    /// Computes the sum of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Returns the sum's 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Sha256 {
    type Err = InvalidSha256;

    fn from_str(text: &str) -> Result<Self, InvalidSha256> {
        let invalid = || InvalidSha256 {
            text: text.to_owned(),
        };
        if text.len() != 64 {
            return Err(invalid());
        }
        let mut sum = [0; 32];
        for (byte, digits) in sum.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let high = char::from(digits[0]).to_digit(16).ok_or_else(invalid)?;
            let low = char::from(digits[1]).to_digit(16).ok_or_else(invalid)?;
            *byte = u8::try_from(high * 16 + low).expect("two hexadecimal digits fit a byte");
        }
        Ok(Self(sum))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = InvalidSha256;

    fn try_from(text: String) -> Result<Self, InvalidSha256> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(sum: Sha256) -> Self {
        sum.to_string()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sha256({self})")
    }
}

/// A sum being computed from bytes as they arrive, with their count.
#[derive(Clone, Default)]
pub(crate) struct RunningSha256 {
    digest: sha2::Sha256,
    size: u64,
}

impl RunningSha256 {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn finish(self) -> (Sha256, u64) {
        (Sha256(self.digest.finalize().into()), self.size)
    }
}

/// A reader that passes bytes on and computes their sum on the way.
pub struct HashingReader<R> {
    inner: R,
    sum: RunningSha256,
}

impl<R: Read> HashingReader<R> {
    /// Wraps `inner`; the sum covers what is read from now on.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            sum: RunningSha256::default(),
        }
    }

    /// Reads what is left, and returns the sum and the number of bytes of everything read.
    ///
    /// # Errors
    /// When the wrapped reader fails.
    pub fn finish(self) -> io::Result<(Sha256, u64)> {
        self.run_to_end().map(RunningSha256::finish)
    }

    /// Reads what is left, and returns the sum as one that may be gone on with.
    pub(crate) fn run_to_end(mut self) -> io::Result<RunningSha256> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return Ok(self.sum),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.sum.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{HashingReader, Sha256};

    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn text_and_sum_convert_both_ways() {
        let sum: Sha256 = OF_ABC
            .to_uppercase()
            .parse()
            .expect("hexadecimal digits of either case");
        assert_eq!(sum, Sha256::of(b"abc"));
        assert_eq!(sum.to_string(), OF_ABC);
    }

    #[test]
    fn other_text_is_refused() {
        let multibyte = "é".repeat(32);
        for text in [
            "",
            "ba78",
            &OF_ABC[1..],
            &format!("{OF_ABC}0"),
            &OF_ABC.replace('b', "g"),
            &multibyte,
        ] {
            assert!(text.parse::<Sha256>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_hashing_reader_counts_what_was_read_before_and_what_is_left() {
        let mut reader = HashingReader::new(&b"abc"[..]);
        let mut first = [0; 1];
        reader.read_exact(&mut first).expect("a slice reads");
        assert_eq!(reader.finish().expect("a slice reads"), (Sha256::of(b"abc"), 3));
    }
}
