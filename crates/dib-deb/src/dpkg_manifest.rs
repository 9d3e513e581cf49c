//! The list of a target's packages in the form that diskimage-builder's element `dpkg` gives it.

use std::fmt::Write as _;

use crate::InstalledPackage;

/// Lists packages, one to a line of a JSON object, byte for byte as diskimage-builder 3.43 writes its
/// `dib-manifest-dpkg-…`; `native` is the target's architecture.
///
/// The layout is what upstream's `dpkg-query` and `sed` come to. Without a package it is no complete JSON there either;
/// that can't be, since dpkg itself is one.
///
/// ```
/// let status = "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21.22\n";
/// let packages = dib_deb::parse_status(status)?;
/// assert_eq!(
///     dib_deb::dpkg_manifest(&packages, "amd64"),
///     r#"{"packages": [
/// {"package": "dpkg","arch": "amd64","version": "1.21.22","status": "ii "}
/// ]}"#
/// );
/// # Ok::<(), dib_deb::StatusError>(())
/// ```
#[must_use]
pub fn dpkg_manifest(packages: &[InstalledPackage], native: &str) -> String {
    let mut text = "{\"packages\": [\n".to_owned();
    for (index, package) in packages.iter().enumerate() {
        if index > 0 {
            text.push_str("    },\n");
        }
        write!(
            text,
            r#"{{"package": "{}","arch": "{}","version": "{}","status": "{}""#,
            package.nonambiguous_name(native),
            package.architecture(),
            package.version(),
            package.status_abbreviation(),
        )
        .expect("writing to a string");
    }
    if !packages.is_empty() {
        text.push_str("}\n]}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::dpkg_manifest;

    #[test]
    fn as_upstream_writes_it() {
        let packages = crate::parse_status(
            "Package: libm\nStatus: install ok installed\nArchitecture: i386\nMulti-Arch: same\nVersion: 0:1.0\n\n\
             Package: conf\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 3\nConfig-Version: 2\n",
        )
        .unwrap();
        assert_eq!(
            dpkg_manifest(&packages, "amd64"),
            "{\"packages\": [\n\
             {\"package\": \"conf\",\"arch\": \"all\",\"version\": \"3\",\"status\": \"rc \"    },\n\
             {\"package\": \"libm:i386\",\"arch\": \"i386\",\"version\": \"1.0\",\"status\": \"ii \"}\n\
             ]}"
        );
        assert_eq!(dpkg_manifest(&[], "amd64"), "{\"packages\": [\n");
    }
}
