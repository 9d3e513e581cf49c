use std::io::Read;

use super::*;

/// A `.deb` in the making, its control and data archives not compressed.
pub(crate) struct DebBuilder {
    control: tar::Builder<Vec<u8>>,
    data: tar::Builder<Vec<u8>>,
}

impl DebBuilder {
    /// Begins with this control file.
    pub(crate) fn new(control: &str) -> Self {
        let mut builder = Self {
            control: tar::Builder::new(Vec::new()),
            data: tar::Builder::new(Vec::new()),
        };
        builder = builder.control_file("control", control, 0o644);
        builder.directory("./")
    }

    pub(crate) fn control_file(mut self, name: &str, contents: &str, mode: u32) -> Self {
        append(
            &mut self.control,
            tar::EntryType::Regular,
            &format!("./{name}"),
            contents,
            mode,
        );
        self
    }

    pub(crate) fn file(mut self, name: &str, contents: &str) -> Self {
        append(&mut self.data, tar::EntryType::Regular, name, contents, 0o644);
        self
    }

    pub(crate) fn directory(mut self, name: &str) -> Self {
        append(&mut self.data, tar::EntryType::Directory, name, "", 0o755);
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let (control, data) = (
            self.control.into_inner().unwrap(),
            self.data.into_inner().unwrap(),
        );
        ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &control),
            ("data.tar", &data),
        ])
    }
}

fn append(builder: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, name: &str, contents: &str, mode: u32) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_uid(u64::from(nix::unistd::getuid().as_raw()));
    header.set_gid(u64::from(nix::unistd::getgid().as_raw()));
    header.set_mode(mode);
    header.set_mtime(1_700_000_000);
    header.set_size(contents.len() as u64);
    header.set_cksum();
    builder.append(&header, contents.as_bytes()).unwrap();
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, contents) in members {
        bytes.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                0,
                "100644",
                contents.len()
            )
            .bytes(),
        );
        bytes.extend(*contents);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

const CONTROL: &str = "Package: tiny\nVersion: 1\nArchitecture: all\n";

fn members(deb: &[u8]) -> Result<(Control, Vec<u8>), DebFileError> {
    let (control, mut data) = DebFile::open(deb)?.into_data()?;
    let mut tar = Vec::new();
    data.read_to_end(&mut tar)
        .map_err(|source| failed("data", source))?;
    Ok((control, tar))
}

fn check_refused(deb: &[u8], expected: &str) {
    let error = members(deb).expect_err("this file is to be refused");
    assert_eq!(error.to_string(), expected);
}

fn compress_xz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    liblzma::read::XzEncoder::new(bytes, 1)
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

fn compress_gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::fast())
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

#[test]
fn reads_all_members_however_they_are_compressed() {
    let deb = DebBuilder::new(CONTROL)
        .control_file("postinst", "#!/bin/sh\n", 0o755)
        .file("./a", "1");
    let (control, data) = members(&deb.bytes()).unwrap();
    assert_eq!(control.stanza, CONTROL);
    let postinst = control.file("postinst").unwrap();
    assert_eq!(
        (postinst.mode, &postinst.contents[..]),
        (0o755, &b"#!/bin/sh\n"[..])
    );
    assert_eq!(tar::Archive::new(&data[..]).entries().unwrap().count(), 2);

    let control_tar = DebBuilder::new(CONTROL).control.into_inner().unwrap();
    let (xz, gzip) = (compress_xz(&control_tar), compress_gzip(&data));
    let deb = ar(&[
        ("debian-binary", b"2.1\nmore\n"),
        ("_note", b"odd"),
        ("control.tar.xz/", &xz),
        ("_gpgorigin", b""),
        ("data.tar.gz/", &gzip),
    ]);
    assert_eq!(members(&deb).unwrap().1, data);
}

#[test]
fn refuses_what_is_no_deb() {
    check_refused(
        b"",
        "it is not a .deb file: it doesn't begin as an ar archive does",
    );
    check_refused(
        b"!<thin>\n",
        "it is not a .deb file: it doesn't begin as an ar archive does",
    );
    check_refused(b"!<arch>\n", "failed to read the member after the beginning");
    check_refused(
        &ar(&[("debian-binary", b"3.0\n")]),
        "its format is \"3.0\", and only 2.x can be read",
    );
    check_refused(
        &ar(&[("control.tar.gz", b"")]),
        "debian-binary is missing: the member \"control.tar.gz\" stands in its place",
    );
    check_refused(
        &ar(&[("debian-binary", b"2.0\n"), ("data.tar.gz", b"")]),
        "control.tar is missing: the member \"data.tar.gz\" stands in its place",
    );
    let control = DebBuilder::new(CONTROL).control.into_inner().unwrap();
    check_refused(
        &ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &control),
            ("data.tar.bz2", b""),
        ]),
        "data.tar.bz2 is compressed with bz2, which is not supported; gzip, xz and zstd are",
    );
    check_refused(
        &ar(&[("debian-binary", b"2.0\n"), ("control.tar", &[])]),
        "its control archive holds no control file",
    );
    let climbing = DebBuilder::new(CONTROL).control_file("../x", "", 0o644).bytes();
    check_refused(
        &climbing,
        "its control archive holds \"../x\", which is not a file of a package's control",
    );
}

#[test]
fn a_file_cut_anywhere_is_an_error_and_no_panic() {
    let deb = DebBuilder::new(CONTROL).file("./a", &"x".repeat(5000)).bytes();
    let whole = members(&deb).unwrap();
    for length in 0..deb.len() - 1 {
        if let Ok(short) = members(&deb[..length]) {
            // The data archive is read by whoever extracts it, who sees that it is too short.
            assert!(short.1.len() < whole.1.len());
        }
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_are_no_panic(bytes: Vec<u8>) {
        let _ = members(&bytes);
        let _ = members(&ar(&[("debian-binary", b"2.0\n"), ("control.tar.xz", &bytes), ("data.tar.zst", &bytes)]));
        let _ = members(&[b"!<arch>\n", &bytes[..]].concat());
    }
}
