use camino::Utf8Path;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{installed_packages, parse_status};

const STATUS: &str = "\
Package: libtool++
Status: install ok installed
Maintainer: Tool Team <tool@lists.example.org>
Architecture: amd64
Multi-Arch: same
Source: tool
Version: 1:1.0-1
Provides: libtool-abi (= 1)
Depends: absent | libc6

Package: tool
Status: install ok installed
Maintainer: Some Body <body@example.org>
Architecture: all
Version: 2
Depends: libtool-abi (>= 1), absent
Pre-Depends: libtool++ (>= 1:1.0-1), tool

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 2
";

const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2+ and permissive
 Do what you want.
";

fn list() -> String {
    format!(
        "Package: libtool++\nVersion: 1:1.0-1\nArchitecture: amd64\nFilename: pool/libtool++_1.0-1_amd64.deb\nSHA256: {}\n",
        "a".repeat(64)
    )
}

/// A target with these files.
fn target(files: &[(&str, &str)]) -> (tempfile::TempDir, TargetRoot) {
    let directory = tempfile::tempdir().unwrap();
    let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
    for (path, text) in files {
        let path: TargetPath = path.parse().unwrap();
        target
            .create_directory_all(&path.parent().unwrap(), 0o755)
            .unwrap();
        target.write(&path, text.as_bytes(), 0o644).unwrap();
    }
    (directory, target)
}

fn document(target: &TargetRoot) -> String {
    let subject = SbomSubject {
        image: "my image",
        creator: "dib-1.0",
        created: "2026-01-02T03:04:05.6Z".parse().unwrap(),
    };
    spdx_document(target, &installed_packages(target).unwrap(), &subject).unwrap()
}

fn whole_target() -> (tempfile::TempDir, TargetRoot) {
    target(&[
        ("/var/lib/dpkg/status", STATUS),
        (
            "/usr/lib/os-release",
            "ID=debian\nVERSION_ID=12\nPRETTY_NAME=Twelve\n",
        ),
        (
            "/etc/os-release",
            "ID=debian\nVERSION_ID=12\nPRETTY_NAME=Twelve\n",
        ),
        ("/usr/share/doc/libtool++/copyright", COPYRIGHT),
        ("/usr/share/doc/tool/copyright", "Prose.\n"),
        (
            "/etc/apt/sources.list",
            "deb http://me:secret@a.example.org/d stable main\n",
        ),
        (
            "/var/lib/apt/lists/a.example.org_d_dists_stable_main_binary-amd64_Packages",
            &list(),
        ),
        (
            "/var/lib/apt/lists/a.example.org_d_dists_stable_InRelease",
            "Package: tool\n",
        ),
    ])
}

#[test]
fn packages_with_what_is_known_of_them() {
    let (_directory, target) = whole_target();
    let document: Value = serde_json::from_str(&document(&target)).unwrap();
    assert_eq!(
        document["packages"][1],
        json!({
            "SPDXID": "SPDXRef-Package-libtool---amd64",
            "name": "libtool++",
            "versionInfo": "1:1.0-1",
            "packageFileName": "libtool++_1.0-1_amd64.deb",
            "supplier": "Organization: Tool Team (tool@lists.example.org)",
            "downloadLocation": "http://a.example.org/d/pool/libtool++_1.0-1_amd64.deb",
            "filesAnalyzed": false,
            "checksums": [{ "algorithm": "SHA256", "checksumValue": "a".repeat(64) }],
            "sourceInfo": "built package from: tool 1:1.0-1",
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "GPL-2.0-or-later AND LicenseRef-permissive-5abbd24bc156",
            "copyrightText": "NOASSERTION",
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": "pkg:deb/debian/libtool%2B%2B@1:1.0-1?arch=amd64&distro=debian-12&upstream=tool",
            }],
        })
    );
    assert_eq!(
        document["packages"][2],
        json!({
            "SPDXID": "SPDXRef-Package-tool-all",
            "name": "tool",
            "versionInfo": "2",
            "supplier": "Person: Some Body (body@example.org)",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "sourceInfo": "built package from: tool 2",
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION",
            "licenseComments": "the package's copyright file is not machine-readable",
            "copyrightText": "NOASSERTION",
            "comment": "No list of apt in the image holds this version, so its file is not known.",
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": "pkg:deb/debian/tool@2?arch=all&distro=debian-12",
            }],
        })
    );
    assert_eq!(document["packages"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        document["hasExtractedLicensingInfos"],
        json!([{
            "licenseId": "LicenseRef-permissive-5abbd24bc156",
            "name": "permissive",
            "extractedText": "Do what you want.",
        }])
    );
}

#[test]
fn the_image_contains_packages_and_they_depend_on_each_other() {
    let (_directory, target) = whole_target();
    let document: Value = serde_json::from_str(&document(&target)).unwrap();
    let relationships: Vec<_> = document["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .map(|relationship| {
            ["spdxElementId", "relationshipType", "relatedSpdxElement"]
                .map(|part| {
                    relationship[part]
                        .as_str()
                        .unwrap()
                        .trim_start_matches("SPDXRef-")
                })
                .join(" ")
        })
        .collect();
    assert_eq!(
        relationships,
        [
            "DOCUMENT DESCRIBES Image",
            "Image CONTAINS Package-libtool---amd64",
            "Image CONTAINS Package-tool-all",
            "Package-tool-all DEPENDS_ON Package-libtool---amd64",
        ]
    );
}

#[test]
fn a_document_is_named_after_its_contents() {
    let (_directory, target) = whole_target();
    let first = document(&target);
    assert_eq!(document(&target), first);
    let parsed: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(parsed["creationInfo"]["created"], "2026-01-02T03:04:05Z");
    let namespace = |document: &Value| document["documentNamespace"].as_str().unwrap().to_owned();
    assert!(namespace(&parsed).starts_with("https://spdx.org/spdxdocs/my%20image-"));
    target
        .remove_file(&"/usr/share/doc/tool/copyright".parse().unwrap())
        .unwrap();
    let other: Value = serde_json::from_str(&document(&target)).unwrap();
    assert_ne!(namespace(&parsed), namespace(&other));
}

#[test]
fn identifiers_are_different_where_names_are() {
    let stanza = |name: &str| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n")
    };
    let packages = parse_status(&[stanza("a+"), stanza("a-"), stanza("a.")].concat()).unwrap();
    let (_directory, target) = target(&[]);
    let subject = SbomSubject {
        image: "i",
        creator: "dib",
        created: Timestamp::UNIX_EPOCH,
    };
    let document: Value =
        serde_json::from_str(&spdx_document(&target, &packages, &subject).unwrap()).unwrap();
    let ids: Vec<_> = (1..4)
        .map(|index| document["packages"][index]["SPDXID"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "SPDXRef-Package-a--all",
            "SPDXRef-Package-a--all-other",
            "SPDXRef-Package-a.-all"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_target_is_described(
        fields in "((Depends|Provides|Source|Maintainer|Multi-Arch): [a-z<>|,()=: ]{0,9}\n){0,4}",
        copyright in "(License: |Files: a\n|\n|[a-z ,]{0,5}|\\PC){0,10}",
        list in "(Package: a\n|Version: 1\n|Filename: \\PC|\\PC|\n){0,8}",
        os_release in "(ID=|VERSION_ID=|\"|\\PC|\n){0,6}",
    ) {
        let status = format!("Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n{fields}");
        let (_directory, target) = target(&[
            ("/var/lib/dpkg/status", &status),
            ("/etc/os-release", &os_release),
            ("/usr/share/doc/a/copyright", &format!("Format: dep5\n\n{copyright}")),
            ("/var/lib/apt/lists/x_Packages", &list),
            ("/etc/apt/sources.list.d/x.sources", &list),
        ]);
        prop_assert!(serde_json::from_str::<Value>(&document(&target)).is_ok());
    }
}
