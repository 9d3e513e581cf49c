//! Which of the host's keys the image's apt gets: those that verified the archives, where no package of the image brings
//! them.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{HookContext, HookError};
use dib_deb::{Archive, host_keyrings, keyring_with};
use dib_elements_dpkg::apt_keyring::trusted_name;

use crate::sources::{SourceList, Wanted};

/// Writes the user's keyring into the image, and those that the host trusts one of its sources by.
///
/// # Errors
/// When a keyring can't be read or written.
pub(crate) fn write_keyrings(
    ctx: &HookContext<'_>,
    wanted: &Wanted,
    lists: &[SourceList],
    archive: &Archive,
) -> Result<(), HookError> {
    ctx.create_directory("/etc/apt/trusted.gpg.d")?;
    let trusted = host_keyrings("/etc/apt".into(), "/usr/share/keyrings".into());
    let of_host = not_brought(&signers(lists, archive), &trusted, &wanted.distribution);
    for keyring in wanted.keyring.iter().chain(&of_host) {
        let contents = ctx.read_host(keyring)?;
        ctx.write(&trusted_path(keyring, &contents), contents, 0o644)?;
    }
    Ok(())
}

/// Returns the fingerprints of the keys that signed what comes from sources which name no keys.
fn signers<'a>(lists: &[SourceList], archive: &'a Archive) -> BTreeSet<&'a str> {
    let sources = || lists.iter().flat_map(|list| &list.sources);
    archive
        .releases()
        .filter(|release| {
            sources()
                .filter(|source| source.signed_by.is_none() && source.suites.contains(&release.suite))
                .flat_map(|source| &source.uris)
                .any(|uri| uri.trim_end_matches('/') == release.base_uri)
        })
        .map(|release| release.signature.key.as_str())
        .collect()
}

/// Returns the keyrings that hold these keys, without the distribution's own, which a package of the image brings.
fn not_brought(
    signers: &BTreeSet<&str>,
    trusted: &[Utf8PathBuf],
    distribution: &str,
) -> BTreeSet<Utf8PathBuf> {
    let own = format!("{distribution}-archive-keyring.");
    let is_own = |path: &Utf8PathBuf| path.file_name().is_some_and(|name| name.starts_with(&own));
    let (own, others): (Vec<_>, Vec<_>) = trusted.iter().cloned().partition(is_own);
    signers
        .iter()
        .filter(|signer| keyring_with(signer, &own).is_none())
        .filter_map(|signer| keyring_with(signer, &others))
        .collect()
}

/// Returns where in the image a keyring of the host goes so that apt trusts it: by apt's rule, what is ASCII-armoured has
/// another ending.
fn trusted_path(keyring: &Utf8Path, contents: &[u8]) -> String {
    let stem = trusted_name(keyring.file_stem().unwrap_or("dib"));
    let ending = if contents.starts_with(b"-----BEGIN") {
        "asc"
    } else {
        "gpg"
    };
    format!("/etc/apt/trusted.gpg.d/{stem}.{ending}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use dib_testing::SigningKey;

    use super::*;

    #[test]
    fn keys_that_no_package_brings_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| Utf8Path::from_path(directory.path()).unwrap().join(name);
        let (brought, mirror) = (SigningKey::generate(), SigningKey::generate());
        for (name, key) in [
            ("debian-archive-keyring.gpg", &brought),
            ("debian-archive-stable.asc", &brought),
            ("mirror.asc", &mirror),
        ] {
            fs::write(path(name), key.public()).unwrap();
        }
        let trusted = [
            path("debian-archive-keyring.gpg"),
            path("debian-archive-stable.asc"),
            path("mirror.asc"),
        ];
        let found = |keys: &[&SigningKey], distribution| {
            let keys: Vec<_> = keys.iter().map(|key| key.fingerprint()).collect();
            let keys = keys.iter().map(String::as_str).collect();
            let found = not_brought(&keys, &trusted, distribution).into_iter();
            found
                .map(|path| path.file_name().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&[&brought, &mirror], "debian"), ["mirror.asc"]);
        assert_eq!(found(&[&brought], "debian"), [""; 0]);
        assert_eq!(found(&[&brought], "other"), ["debian-archive-keyring.gpg"]);
        assert_eq!(found(&[&SigningKey::generate()], "debian"), [""; 0]);
    }

    #[test]
    fn a_keyring_gets_a_name_that_apt_reads() {
        let check = |name: &str, contents: &[u8], expected: &str| {
            assert_eq!(
                trusted_path(name.into(), contents),
                format!("/etc/apt/trusted.gpg.d/{expected}")
            );
        };
        check(
            "/keys/mine.key",
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----",
            "mine.asc",
        );
        check("/keys/mine.gpg", &[0x99], "mine.gpg");
        check("/keys/my key (2026).gpg", &[0x99], "my-key--2026-.gpg");
    }
}
