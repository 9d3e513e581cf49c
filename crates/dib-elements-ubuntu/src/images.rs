//! What Ubuntu publishes, and where.

use dib_core::Arch;

/// The endings of a release's root file systems, the one to prefer first.
///
/// Up to xenial there were `-root.tar.gz`, since then `-root.tar.xz`, and `.squashfs` since bionic. Source: the
/// listings of cloud-images.ubuntu.com.
const ENDINGS: [&str; 3] = ["-root.tar.gz", "-root.tar.xz", ".squashfs"];

/// Returns the file names under which a release's root file system may be published, the one to prefer first.
#[must_use]
pub fn candidates(release: &str, arch: Arch) -> [String; 3] {
    ENDINGS.map(|ending| format!("{release}-server-cloudimg-{arch}{ending}"))
}

/// Returns the address of a release's directory, without a trailing slash.
///
/// `DIB_CLOUD_IMAGES` names either the directory above all releases, as upstream had it at first, or the release's
/// own, as upstream has it since, which ends in `/current`.
#[must_use]
pub fn directory(cloud_images: &str, release: &str) -> String {
    let base = cloud_images.trim_end_matches('/');
    // The seed's default, and upstream's users, leave out the scheme now and then.
    let base = if base.contains("://") {
        base.to_owned()
    } else {
        format!("https://{base}")
    };
    if base.ends_with("/current") {
        base
    } else {
        format!("{base}/{release}/current")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_found_in_both_spellings() {
        let check = |given, expected: &str| assert_eq!(directory(given, "noble"), expected);
        check(
            "https://images.example.org",
            "https://images.example.org/noble/current",
        );
        check(
            "https://images.example.org/",
            "https://images.example.org/noble/current",
        );
        check(
            "https://images.example.org/noble/current",
            "https://images.example.org/noble/current",
        );
        check(
            "https://images.example.org/minimal/jammy/current/",
            "https://images.example.org/minimal/jammy/current",
        );
        check("images.example.org", "https://images.example.org/noble/current");
    }

    #[test]
    fn names_are_ubuntus() {
        assert_eq!(
            candidates("xenial", Arch::Amd64)[0],
            "xenial-server-cloudimg-amd64-root.tar.gz",
            "as in the sums of xenial"
        );
    }
}
