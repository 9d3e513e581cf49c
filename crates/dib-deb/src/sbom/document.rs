//! The document's shape, and what goes where in it.
#![expect(
    clippy::struct_field_names,
    reason = "the fields have the names that the format gives them"
)]

use std::collections::BTreeSet;

use dib_cache::Sha256;
use jiff::Timestamp;
use serde::Serialize;

use super::dependencies::Dependencies;
use super::license::{OtherLicenses, declared_license};
use super::listed::Listed;
use super::naming::{System, encoded, identifier, supplier};
use super::{Facts, SbomSubject};

const UNKNOWN: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<ExtractedLicense>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: String,
    creators: [String; 1],
    comment: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<String>,
    download_location: String,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    license_concluded: &'static str,
    license_declared: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_comments: Option<&'static str>,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalReference>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: Sha256,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalReference {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtractedLicense {
    license_id: String,
    name: String,
    extracted_text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

/// Makes the document's text. Its namespace must be its own, so it is named after a digest of everything else in it.
pub(super) fn write(facts: &[Facts<'_>], system: &System, subject: &SbomSubject<'_>) -> String {
    let mut others = OtherLicenses::default();
    let ids = identifiers(facts);
    let packages = facts.iter().zip(&ids);
    let packages: Vec<_> = packages
        .map(|(facts, id)| package(facts, id, system, &mut others))
        .collect();
    let mut document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: subject.image.to_owned(),
        document_namespace: String::new(),
        creation_info: CreationInfo {
            created: whole_seconds(subject.created).to_string(),
            creators: [format!("Tool: {}", subject.creator)],
            comment: "A package's declared licence is that of all files of the source package that it was built from.",
        },
        packages: std::iter::once(image(system, subject)).chain(packages).collect(),
        has_extracted_licensing_infos: others
            .0
            .into_iter()
            .map(|(license_id, other)| ExtractedLicense {
                license_id,
                name: other.name,
                extracted_text: other.text,
            })
            .collect(),
        relationships: relationships(facts, &ids),
    };
    let digest = Sha256::of(json(&document).as_bytes());
    document.document_namespace = format!("https://spdx.org/spdxdocs/{}-{digest}", encoded(subject.image));
    json(&document)
}

fn json(document: &Document) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("texts and lists of them can be written");
    text.push('\n');
    text
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn image(system: &System, subject: &SbomSubject<'_>) -> Package {
    Package {
        id: IMAGE.to_owned(),
        name: subject.image.to_owned(),
        version_info: None,
        package_file_name: None,
        primary_package_purpose: Some("OPERATING_SYSTEM"),
        supplier: None,
        download_location: UNKNOWN.to_owned(),
        files_analyzed: false,
        checksums: Vec::new(),
        source_info: None,
        license_concluded: UNKNOWN,
        license_declared: UNKNOWN.to_owned(),
        license_comments: None,
        copyright_text: UNKNOWN,
        comment: system.title.clone(),
        external_refs: Vec::new(),
    }
}

fn package(facts: &Facts<'_>, id: &str, system: &System, others: &mut OtherLicenses) -> Package {
    let package = facts.package;
    let (source, source_version) = package.source();
    let (license_declared, license_comments) = match declared_license(facts.copyright, source, others) {
        Ok(license) => (license, None),
        Err(reason) => (UNKNOWN.to_owned(), Some(reason)),
    };
    let (file, comment) = match &facts.listed {
        Listed::As(file) if file.url.is_some() => (Some(file), None),
        Listed::As(file) => (
            Some(file),
            Some("No source of the image tells where the list is from that holds this package."),
        ),
        Listed::Nowhere => (
            None,
            Some("No list of apt in the image holds this version, so its file is not known."),
        ),
        Listed::Differently => (
            None,
            Some(
                "The lists of apt in the image hold different files of this version, so it is not known which one was installed.",
            ),
        ),
    };
    Package {
        id: id.to_owned(),
        name: package.name().to_owned(),
        version_info: Some(package.version().to_owned()),
        package_file_name: file.map(|file| file.name.clone()),
        primary_package_purpose: None,
        supplier: package.field("Maintainer").and_then(supplier),
        download_location: file
            .and_then(|file| file.url.clone())
            .unwrap_or_else(|| UNKNOWN.to_owned()),
        files_analyzed: false,
        checksums: file
            .map(|file| Checksum {
                algorithm: "SHA256",
                checksum_value: file.sha256,
            })
            .into_iter()
            .collect(),
        // In the words by which scanners find the source package.
        source_info: Some(format!("built package from: {source} {source_version}")),
        license_concluded: UNKNOWN,
        license_declared,
        license_comments,
        copyright_text: UNKNOWN,
        comment: comment.map(str::to_owned),
        external_refs: vec![ExternalReference {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: system.package_url(package),
        }],
    }
}

/// Returns an identifier for each package, different from all others.
fn identifiers(facts: &[Facts<'_>]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    facts
        .iter()
        .map(|Facts { package, .. }| {
            let id = format!("SPDXRef-Package-{}-{}", package.name(), package.architecture());
            let mut id = identifier(&id);
            // Names that differ in a plus alone.
            while !taken.insert(id.clone()) {
                id.push_str("-other");
            }
            id
        })
        .collect()
}

fn relationships(facts: &[Facts<'_>], ids: &[String]) -> Vec<Relationship> {
    let relationship = |from: &str, relationship_type, to: &str| Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type,
        related_spdx_element: to.to_owned(),
    };
    let mut relationships = vec![relationship(DOCUMENT, "DESCRIBES", IMAGE)];
    relationships.extend(ids.iter().map(|id| relationship(IMAGE, "CONTAINS", id)));
    let dependencies = Dependencies::new(facts);
    for (index, Facts { package, .. }) in facts.iter().enumerate() {
        for other in dependencies.of(package) {
            if other != index {
                relationships.push(relationship(&ids[index], "DEPENDS_ON", &ids[other]));
            }
        }
    }
    relationships
}
