use std::collections::BTreeMap;
use std::io::Read;

use super::*;
use crate::fixture::{self, fixture};

fn options() -> ContainerOptions {
    ContainerOptions {
        reference: "team/fixture:1.0".parse().unwrap(),
        architecture: "arm".to_owned(),
        variant: Some("v7".to_owned()),
        created: 981_173_106,
    }
}

fn write(kind: ContainerKind) -> (Vec<u8>, Vec<u8>) {
    let fixture = fixture();
    let nodes = fixture::device_nodes();
    let path = fixture.scratch.join("image");
    let write = || {
        let out = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        write_container(&fixture.tree, &nodes, &out, kind, &options()).unwrap();
        std::fs::read(&path).unwrap()
    };
    let image = write();
    assert!(write() == image, "the same tree gives another image");
    let mut tar = Vec::new();
    write_tar(&fixture.tree, &nodes, &mut tar).unwrap();
    (image, tar)
}

fn files(image: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(image);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), content)
    });
    entries.collect()
}

fn json_of(content: &[u8]) -> serde_json::Value {
    serde_json::from_slice(content).unwrap()
}

fn digest(content: &[u8]) -> String {
    let mut writer = SummingWriter::new(io::sink(), SHA256).unwrap();
    writer.write_all(content).unwrap();
    let digits = sum(writer).unwrap();
    format!("sha256:{digits}")
}

/// Returns the blob that a descriptor describes.
fn blob<'f>(files: &'f BTreeMap<String, Vec<u8>>, descriptor: &serde_json::Value) -> &'f [u8] {
    let name = descriptor["digest"].as_str().unwrap();
    let content = &files[&format!("blobs/{}", name.replace(':', "/"))];
    assert_eq!(digest(content), name);
    assert_eq!(descriptor["size"], content.len());
    content
}

#[test]
fn an_oci_image_holds_the_tree() {
    let (image, tar) = write(ContainerKind::Oci);
    let files = files(&image);
    assert_eq!(
        json_of(&files["oci-layout"]),
        json!({ "imageLayoutVersion": "1.0.0" })
    );
    assert!(!files.contains_key("manifest.json"));
    let index = json_of(&files["index.json"]);
    let entry = &index["manifests"][0];
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "1.0");
    assert_eq!(
        entry["annotations"]["io.containerd.image.name"],
        "docker.io/team/fixture:1.0"
    );
    let manifest = json_of(blob(&files, entry));
    let config = json_of(blob(&files, &manifest["config"]));
    assert_eq!(config["architecture"], "arm");
    assert_eq!(config["variant"], "v7");
    assert_eq!(config["created"], "2001-02-03T04:05:06Z");
    let mut layer = Vec::new();
    let compressed = blob(&files, &manifest["layers"][0]);
    flate2::read::GzDecoder::new(compressed)
        .read_to_end(&mut layer)
        .unwrap();
    assert!(layer == tar, "the layer is not the tree");
    assert_eq!(config["rootfs"]["diff_ids"][0], digest(&tar));
}

#[test]
fn docker_finds_the_same_image() {
    let (image, _) = write(ContainerKind::Docker);
    let files = files(&image);
    let manifest = json_of(blob(&files, &json_of(&files["index.json"])["manifests"][0]));
    let path = |descriptor: &serde_json::Value| {
        format!(
            "blobs/{}",
            descriptor["digest"].as_str().unwrap().replace(':', "/")
        )
    };
    let expected = json!([{
        "Config": path(&manifest["config"]),
        "RepoTags": ["team/fixture:1.0"],
        "Layers": [path(&manifest["layers"][0])],
    }]);
    assert_eq!(json_of(&files["manifest.json"]), expected);
}
