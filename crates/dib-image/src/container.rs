//! The tree as a container image of one layer.
//!
//! The archive is an OCI image layout (image specification 1.0); with a `manifest.json` in it, `docker load` takes it as
//! well, of whatever age: `docker save` writes both since version 25.

mod reference;

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use camino::Utf8Path;
use dib_sys::DeviceNode;
use serde_json::json;
use tar::{EntryType, Header};

use crate::checksums::SummingWriter;
use crate::gzip::write_gzip;
use crate::tar_archive::write_tar;
use crate::{Checksums, TarError, TarReport};

pub use reference::{ContainerReference, InvalidReference};

const BLOCK: u64 = 512;
const SHA256: Checksums = Checksums {
    md5: false,
    sha256: true,
};
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What a container image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerOptions {
    /// What it is called.
    pub reference: ContainerReference,
    /// The architecture, in Go's words (`GOARCH`).
    pub architecture: String,
    /// The architecture's variant, such as `v7`, where it has one.
    pub variant: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// What can read a container image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerKind {
    /// Whatever reads an OCI image layout in an archive.
    Oci,
    /// That, and `docker load`.
    Docker,
}

/// Writes the tree as a container image into the empty file `out`.
///
/// Its layer is what [`write_tar`] writes, compressed with gzip.
///
/// # Errors
/// When the tree can't be read, the image can't be written, or a device node's directory is not in the tree.
pub fn write_container(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    out: &File,
    kind: ContainerKind,
    options: &ContainerOptions,
) -> Result<TarReport, TarError> {
    let mut archive = Archive {
        out,
        created: options.created,
    };
    archive.directory("blobs/")?;
    archive.directory("blobs/sha256/")?;
    let layer = archive.layer(tree, device_nodes)?;

    let created = timestamp(options.created);
    let mut config = json!({
        "created": created,
        "architecture": options.architecture,
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.content_sum)] },
        "history": [{ "created": created, "created_by": "dib" }],
    });
    if let Some(variant) = &options.variant {
        config["variant"] = json!(variant);
    }
    let config = archive.blob(CONFIG_TYPE, &config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.descriptor(),
        "layers": [layer.blob.descriptor()],
    });
    let manifest = archive.blob(MANIFEST_TYPE, &manifest)?;
    let mut entry = manifest.descriptor();
    entry["annotations"] = json!({
        "io.containerd.image.name": options.reference.full(),
        "org.opencontainers.image.ref.name": options.reference.tag(),
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    });
    archive.json("index.json", &index)?;
    archive.json("oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }))?;
    if kind == ContainerKind::Docker {
        let manifest = json!([{
            "Config": config.path(),
            "RepoTags": [options.reference.to_string()],
            "Layers": [layer.blob.path()],
        }]);
        archive.json("manifest.json", &manifest)?;
    }
    archive.end()?;
    Ok(layer.report)
}

fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
}

/// A blob in the archive.
struct Blob {
    media_type: &'static str,
    sum: String,
    length: u64,
}

impl Blob {
    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.sum)
    }

    fn descriptor(&self) -> serde_json::Value {
        json!({ "mediaType": self.media_type, "digest": format!("sha256:{}", self.sum), "size": self.length })
    }
}

struct Layer {
    blob: Blob,
    /// The SHA-256 of its archive before it was compressed.
    content_sum: String,
    report: TarReport,
}

struct Archive<'f> {
    out: &'f File,
    created: i64,
}

impl Archive<'_> {
    fn header(&self, path: &str, kind: EntryType, length: u64) -> Header {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.created.max(0).unsigned_abs());
        header.set_size(length);
        header.set_cksum();
        header
    }

    fn directory(&mut self, path: &str) -> Result<(), TarError> {
        let header = self.header(path, EntryType::Directory, 0);
        self.out.write_all(header.as_bytes()).map_err(TarError::Write)
    }

    fn file(&mut self, path: &str, content: &[u8]) -> Result<(), TarError> {
        let header = self.header(path, EntryType::Regular, content.len() as u64);
        self.out
            .write_all(header.as_bytes())
            .and_then(|()| self.out.write_all(content))
            .and_then(|()| self.pad(content.len() as u64))
            .map_err(TarError::Write)
    }

    fn json(&mut self, path: &str, content: &serde_json::Value) -> Result<(), TarError> {
        self.file(path, content.to_string().as_bytes())
    }

    fn blob(&mut self, media_type: &'static str, content: &serde_json::Value) -> Result<Blob, TarError> {
        let text = content.to_string();
        let mut summing = SummingWriter::new(io::sink(), SHA256).map_err(TarError::Write)?;
        summing.write_all(text.as_bytes()).map_err(TarError::Write)?;
        let blob = Blob {
            media_type,
            sum: sum(summing)?,
            length: text.len() as u64,
        };
        self.file(&blob.path(), text.as_bytes())?;
        Ok(blob)
    }

    /// Writes the layer; its header, in which sum and length stand, comes last.
    fn layer(&mut self, tree: &Utf8Path, device_nodes: &[DeviceNode]) -> Result<Layer, TarError> {
        let mut out = self.out;
        let header_at = out.stream_position().map_err(TarError::Write)?;
        let begin = out.seek(SeekFrom::Current(512)).map_err(TarError::Write)?;
        let mut compressed = SummingWriter::new(out, SHA256).map_err(TarError::Write)?;
        let (report, content_sum) = write_gzip(&mut compressed, |writer| {
            let mut content = SummingWriter::new(writer, SHA256).map_err(TarError::Write)?;
            let report = write_tar(tree, device_nodes, &mut content)?;
            Ok::<_, TarError>((report, sum(content)?))
        })??;
        let sum = sum(compressed)?;
        let length = out.stream_position().map_err(TarError::Write)? - begin;
        let blob = Blob {
            media_type: LAYER_TYPE,
            sum,
            length,
        };
        let header = self.header(&blob.path(), EntryType::Regular, length);
        self.pad(length)
            .and_then(|()| out.seek(SeekFrom::Start(header_at)))
            .and_then(|_| out.write_all(header.as_bytes()))
            .and_then(|()| out.seek(SeekFrom::End(0)))
            .map_err(TarError::Write)?;
        Ok(Layer {
            blob,
            content_sum,
            report,
        })
    }

    fn pad(&self, length: u64) -> io::Result<()> {
        let mut out = self.out;
        let zeros = [0; 512];
        let missing = length.next_multiple_of(BLOCK) - length;
        out.write_all(&zeros[..usize::try_from(missing).map_err(io::Error::other)?])
    }

    fn end(&mut self) -> Result<(), TarError> {
        self.out.write_all(&[0; 1024]).map_err(TarError::Write)
    }
}

fn sum<W: Write>(writer: SummingWriter<W>) -> Result<String, TarError> {
    let sums = writer.finish().map_err(TarError::Write)?;
    Ok(sums.sha256.expect("it was asked for"))
}

#[cfg(test)]
mod tests;
