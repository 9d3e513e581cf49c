//! `10-cache-ubuntu-tarball`: Ubuntu's root file system, verified, becomes the target's.

use dib_core::cache::{CacheKey, Check, Download, Keyring, SignaturePolicy, SumsDownload, VerifiedSums};
use dib_core::{Freshness, HookContext, HookError};

use crate::images;

/// The "UEC Image Automatic Signing Key", which signs the sums of all of Ubuntu's cloud images.
const SIGNING_KEY: &str = include_str!("uec-image-signing-key.asc");
/// Its fingerprint; the key is refused when it has another.
const FINGERPRINT: &str = "D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81";

/// Fetches the root file system into the image cache, verifies it and extracts it into the target.
///
/// One process downloads, others wait up to 20 minutes for it. The list of sums is verified by its signature and the
/// image by the list; on a mismatch both are fetched again past any proxy's cache, sums first, image second. Offline,
/// what is in the cache is verified and used without a look at its origin.
///
/// # Errors
/// When nothing suitable is published, when a download fails or does not verify, or when the image can't be extracted.
pub fn cache_ubuntu_tarball(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if let Some(path) = ctx.variable("DIB_LOCAL_IMAGE") {
        return extract_local(ctx, path);
    }
    let release = ctx.required("DIB_RELEASE")?;
    let directory = images::directory(ctx.required("DIB_CLOUD_IMAGES")?, release);
    let list = sums_download(ctx, release, &directory)?;
    let sums = ctx.fetch_sums(&list)?;
    let name = choose(ctx, release, &sums)?;
    let mut file = ctx.fetch(&Download {
        url: format!("{directory}/{name}"),
        cached_as: key(&name)?,
        check: Check::ListedIn(list, name.clone()),
    })?;
    ctx.extract(&name, &mut file.file)
}

fn extract_local(ctx: &HookContext<'_>, path: &str) -> Result<(), HookError> {
    let mut file = ctx.open_host(path.into()).map_err(|error| {
        error
            .hinted("DIB_LOCAL_IMAGE names a file of the host: .tar, .tar.gz, .tar.xz, .tar.zst or .squashfs")
    })?;
    let name = path.rsplit('/').next().unwrap_or(path);
    ctx.extract(name, &mut file)
}

/// Says where the list of sums is and who must have signed it.
fn sums_download(ctx: &HookContext<'_>, release: &str, directory: &str) -> Result<SumsDownload, HookError> {
    let url = ctx
        .variable("SHA256SUMS")
        .map_or_else(|| format!("{directory}/SHA256SUMS"), str::to_owned);
    let signature = if ctx.variable("DIB_VERIFY") == Some("0") {
        SignaturePolicy::Off
    } else {
        SignaturePolicy::Detached {
            url: format!("{url}.gpg"),
            keyring: keyring(ctx)?,
        }
    };
    let cached_as = key(&format!("SHA256SUMS.ubuntu.{release}.{}", ctx.arch()))?;
    Ok(SumsDownload {
        url,
        cached_as,
        signature,
    })
}

/// Returns the key to trust: Ubuntu's, or the one that the user names for a mirror of their own.
fn keyring(ctx: &HookContext<'_>) -> Result<Keyring, HookError> {
    let Some(path) = ctx.variable("DIB_UBUNTU_KEYRING") else {
        // Sums of releases up to jammy were signed with SHA-1 digests by this key of 2009.
        let pinned =
            Keyring::pinned(SIGNING_KEY, FINGERPRINT).map_err(|error| HookError::other(error.to_string()))?;
        return Ok(pinned.accept_sha1());
    };
    let certificate = ctx.read_host(path.into())?;
    Keyring::only(&certificate).map_err(|error| {
        HookError::other(format!("the key in {path} can't be used: {error}")).hinted(
            "DIB_UBUNTU_KEYRING names a file with one OpenPGP public key, as `gpg --export --armor` writes it",
        )
    })
}

/// Chooses the image: the one the user names, or the first of the usual ones that the list holds.
fn choose(ctx: &HookContext<'_>, release: &str, sums: &VerifiedSums) -> Result<String, HookError> {
    if let Some(name) = ctx.variable("BASE_IMAGE_FILE") {
        return Ok(name.to_owned());
    }
    let candidates = images::candidates(release, ctx.arch());
    if let Some(listed) = candidates.iter().find(|name| sums.get(name).is_some()) {
        return Ok(listed.clone());
    }
    let root_like =
        |name: &&str| name.ends_with(".tar.gz") || name.ends_with(".tar.xz") || name.ends_with(".squashfs");
    let others: Vec<_> = sums.names().filter(root_like).take(8).collect();
    let hint = match (others.is_empty(), ctx.freshness()) {
        (false, _) => format!(
            "the list holds {}; BASE_IMAGE_FILE chooses one",
            others.join(", ")
        ),
        (true, Freshness::Unchecked) => "without --offline a newer list may be found".to_owned(),
        (true, Freshness::Checked) => "is DIB_RELEASE a release, and ARCH an architecture of it?".to_owned(),
    };
    Err(HookError::other(format!(
        "the verified sums list none of {}",
        candidates.join(", ")
    ))
    .hinted(hint))
}

fn key(name: &str) -> Result<CacheKey, HookError> {
    CacheKey::new(name).map_err(|error| HookError::other(error.to_string()))
}
