//! Texts with a signature around them: the cleartext signature framework of RFC 9580, section 7.

use super::{Keyring, SignatureError, VerifiedSignature, verify_detached};

const TEXT_BEGINS: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE_BEGINS: &str = "-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_ENDS: &str = "-----END PGP SIGNATURE-----";

/// Checks a text that is signed around itself, such as a Debian archive's `InRelease`, and returns the text.
///
/// What is returned is what was signed and nothing else: without blanks at the ends of lines, which no signature
/// covers, and with a line feed after each line. One text with one block of signatures must be the whole file.
///
/// # Errors
/// When the file is not such a text, or as [`verify_detached`].
pub fn verify_clearsigned(
    keyring: &Keyring,
    file: &[u8],
) -> Result<(String, VerifiedSignature), SignatureError> {
    let malformed = |problem| SignatureError::NotClearsigned { problem };
    let file = std::str::from_utf8(file).map_err(|_| malformed("it is not UTF-8"))?;
    let (lines, signature) = take_apart(file).map_err(malformed)?;
    let signed = lines.join("\r\n");
    let verified = verify_detached(keyring, signed.as_bytes(), signature.as_bytes())?;
    let mut text = lines.join("\n");
    text.push('\n');
    Ok((text, verified))
}

/// Returns the text's lines as they were signed, and the armoured signatures.
fn take_apart(file: &str) -> Result<(Vec<&str>, String), &'static str> {
    let mut lines = file.lines().map(|line| line.trim_end_matches([' ', '\t', '\r']));
    if lines.next() != Some(TEXT_BEGINS) {
        return Err("it doesn't begin with the line that such a text begins with");
    }
    loop {
        match lines.next() {
            Some("") => break,
            Some(header) if header.starts_with("Hash: ") => {}
            _ => return Err("another line than \"Hash: …\" stands before the text"),
        }
    }
    let mut text = Vec::new();
    loop {
        match lines.next() {
            Some(SIGNATURE_BEGINS) => break,
            Some(line) if line.contains('\r') => return Err("a carriage return stands within a line"),
            Some(line) => match line.strip_prefix('-') {
                None => text.push(line),
                Some(rest) => text.push(
                    rest.strip_prefix(' ')
                        .ok_or("a line of the text begins with \"-\"")?,
                ),
            },
            None => return Err("it ends before a signature begins"),
        }
    }
    let mut signature = format!("{SIGNATURE_BEGINS}\n");
    loop {
        let line = lines.next().ok_or("it ends within the signature")?;
        signature.push_str(line);
        signature.push('\n');
        if line == SIGNATURE_ENDS {
            break;
        }
    }
    if lines.any(|line| !line.is_empty()) {
        return Err("something stands after the signature");
    }
    Ok((text, signature))
}
