//! An image file: its format, and what stands at its disk's beginning. Nothing here writes to it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::claims::{BootClaims, LOOKED_AT};
use crate::programs::Programs;

/// A format of disk images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFormat {
    /// The disk as it is.
    Raw,
    /// QEMU's.
    Qcow2,
    /// Microsoft's older one, which QEMU calls `vpc`.
    Vhd,
    /// `VMware`'s.
    Vmdk,
}

/// An image file of a known format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskImage {
    /// The file.
    pub path: Utf8PathBuf,
    /// Its format.
    pub format: DiskFormat,
}

/// An image can't be booted for what it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file can't be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file is no disk.
    #[error("{path} is {what}, not the image of a disk")]
    NotADisk {
        /// The file.
        path: Utf8PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The name says one thing and the content another.
    #[error("{path} does not hold what its name says: it is {found}")]
    Misnamed {
        /// The file.
        path: Utf8PathBuf,
        /// What it is by its content.
        found: &'static str,
    },
    /// The image is not whole without another file, which QEMU would read for the machine to see.
    #[error("{path} is not whole: it says that another file holds a part of it")]
    NotWhole {
        /// The file.
        path: Utf8PathBuf,
    },
    /// `qemu-img` can't read the image.
    #[error("qemu-img failed to read {path}: {message}")]
    Convert {
        /// The image.
        path: Utf8PathBuf,
        /// What it said.
        message: String,
    },
}

impl DiskFormat {
    /// Returns the format's name in QEMU's words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vhd => "vpc",
            Self::Vmdk => "vmdk",
        }
    }

    fn of_extension(path: &Utf8Path) -> Option<Self> {
        match path.extension()? {
            "raw" | "img" => Some(Self::Raw),
            "qcow2" => Some(Self::Qcow2),
            "vhd" => Some(Self::Vhd),
            "vmdk" => Some(Self::Vmdk),
            _ => None,
        }
    }
}

impl DiskImage {
    /// Finds out an image's format, by its name and its content.
    ///
    /// # Errors
    /// When it can't be read, is no disk, or is not what its name says.
    pub fn open(path: &Utf8Path) -> Result<Self, ImageError> {
        let read = |source| ImageError::Read {
            path: path.to_owned(),
            source,
        };
        let (beginning, end) = ends_of(path).map_err(read)?;
        let by_name = DiskFormat::of_extension(path);
        let format = match (by_name, by_content(&beginning, &end)) {
            (None | Some(DiskFormat::Raw), Content::Unknown) => DiskFormat::Raw,
            (None, Content::Disk(format, _)) => format,
            (Some(named), Content::Disk(format, _)) if named == format => format,
            (Some(_), Content::Disk(_, found)) => {
                return Err(ImageError::Misnamed {
                    path: path.to_owned(),
                    found,
                });
            }
            (Some(_), Content::Unknown) => {
                return Err(ImageError::Misnamed {
                    path: path.to_owned(),
                    found: "of no known format",
                });
            }
            (_, Content::Other(what)) => {
                return Err(ImageError::NotADisk {
                    path: path.to_owned(),
                    what,
                });
            }
        };
        // Whoever made the image chose that file, and the machine would be shown it.
        if format == DiskFormat::Qcow2 && refers_to_another_file(&beginning) {
            return Err(ImageError::NotWhole {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            format,
        })
    }

    /// Reads how the disk claims to boot. What is not raw is read by `qemu-img`, through a file in `scratch`.
    ///
    /// # Errors
    /// When the image can't be read.
    pub fn claims(&self, programs: &Programs, scratch: &Utf8Path) -> Result<BootClaims, ImageError> {
        let read = |source| ImageError::Read {
            path: self.path.clone(),
            source,
        };
        let raw = if self.format == DiskFormat::Raw {
            self.path.clone()
        } else {
            let raw = scratch.join("beginning.raw");
            let output = Command::new(&programs.qemu_img)
                .args(["dd", "-f", self.format.name(), "-O", "raw", "bs=1M", "count=1"])
                .args([format!("if={}", self.path), format!("of={raw}")])
                .stdin(Stdio::null())
                .output()
                .map_err(read)?;
            if !output.status.success() {
                return Err(ImageError::Convert {
                    path: self.path.clone(),
                    message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                });
            }
            raw
        };
        let mut beginning = Vec::new();
        File::open(&raw)
            .and_then(|file| file.take(LOOKED_AT as u64).read_to_end(&mut beginning))
            .map_err(read)?;
        Ok(BootClaims::of_disk(&beginning))
    }
}

/// Reads a file's first and last 512 bytes.
fn ends_of(path: &Utf8Path) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut file = File::open(path)?;
    let mut beginning = Vec::new();
    file.by_ref().take(512).read_to_end(&mut beginning)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(512)))?;
    let mut end = Vec::new();
    file.take(512).read_to_end(&mut end)?;
    Ok((beginning, end))
}

/// Returns whether a qcow2 image has a backing file, or a data file of its own.
///
/// Source: QEMU's `docs/interop/qcow2.rst`, the header: `backing_file_offset` at 8, `incompatible_features` at 72, of which bit
/// 2 says that there is a data file.
fn refers_to_another_file(header: &[u8]) -> bool {
    let number = |at: usize| {
        let bytes = header.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_be_bytes)
    };
    let version = header.get(4..8) == Some(&[0, 0, 0, 3]);
    number(8) != 0 || (version && number(72) & 1 << 2 != 0)
}

enum Content {
    Disk(DiskFormat, &'static str),
    Other(&'static str),
    Unknown,
}

fn by_content(beginning: &[u8], end: &[u8]) -> Content {
    let disks = [
        (&b"QFI\xfb"[..], DiskFormat::Qcow2, "a qcow2 image"),
        (b"KDMV", DiskFormat::Vmdk, "a vmdk image"),
        (b"conectix", DiskFormat::Vhd, "a vhd image"),
    ];
    for (magic, format, what) in disks {
        if beginning.starts_with(magic) {
            return Content::Disk(format, what);
        }
    }
    // One of fixed size has its mark at the end alone.
    if end.starts_with(b"conectix") {
        return Content::Disk(DiskFormat::Vhd, "a vhd image");
    }
    let others = [
        (&b"\x1f\x8b"[..], "a gzip file"),
        (b"\xfd7zXZ\0", "an xz file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"hsqs", "a SquashFS file system"),
        (b"vhdxfile", "a vhdx image"),
    ];
    for (magic, what) in others {
        if beginning.starts_with(magic) {
            return Content::Other(what);
        }
    }
    if beginning.get(257..262) == Some(b"ustar") {
        return Content::Other("a tar archive");
    }
    if beginning.len() < 512 {
        return Content::Other("shorter than a sector");
    }
    Content::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_name_and_content() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let directory = Utf8Path::from_path(directory.path()).expect("its name is UTF-8");
        let check = |name: &str, magic: &[u8], at: usize, expected: Result<DiskFormat, &str>| {
            let path = directory.join(name);
            let mut content = vec![0; 2048];
            content[at..at + magic.len()].copy_from_slice(magic);
            std::fs::write(&path, content).expect("the file can be written");
            let found = DiskImage::open(&path).map(|image| image.format);
            let found = found.map_err(|error| error.to_string().replace(path.as_str(), name));
            assert_eq!(found, expected.map_err(str::to_owned), "{name}");
        };
        check("a.raw", b"", 0, Ok(DiskFormat::Raw));
        check("b", b"", 0, Ok(DiskFormat::Raw));
        check("c.qcow2", b"QFI\xfb", 0, Ok(DiskFormat::Qcow2));
        check("d", b"QFI\xfb", 0, Ok(DiskFormat::Qcow2));
        check(
            "backed.qcow2",
            b"QFI\xfb\0\0\0\x02\0\0\0\0\0\0\x02\0",
            0,
            Err("backed.qcow2 is not whole: it says that another file holds a part of it"),
        );
        check("e.vhd", b"conectix", 0, Ok(DiskFormat::Vhd));
        check("f.vhd", b"conectix", 1536, Ok(DiskFormat::Vhd));
        check("g.vmdk", b"KDMV", 0, Ok(DiskFormat::Vmdk));
        check(
            "h.raw",
            b"QFI\xfb",
            0,
            Err("h.raw does not hold what its name says: it is a qcow2 image"),
        );
        check(
            "i.qcow2",
            b"",
            0,
            Err("i.qcow2 does not hold what its name says: it is of no known format"),
        );
        check(
            "j.tar",
            b"ustar",
            257,
            Err("j.tar is a tar archive, not the image of a disk"),
        );
        check(
            "k.raw.zst",
            b"\x28\xb5\x2f\xfd",
            0,
            Err("k.raw.zst is a zstd file, not the image of a disk"),
        );
    }
}
