use std::collections::BTreeMap;
use std::process::Command;

use tar::Archive;

use super::*;
use crate::fixture::{self, NET_RAW, fixture};

/// What an archive says of one name.
#[derive(Debug, Default)]
struct Read1 {
    kind: Option<EntryType>,
    mode: u32,
    owner: (u64, u64),
    mtime: u64,
    link: Vec<u8>,
    device: (u32, u32),
    records: BTreeMap<String, Vec<u8>>,
    content: Vec<u8>,
}

fn archive(tree: &Utf8Path, nodes: &[DeviceNode]) -> (Vec<u8>, TarReport) {
    let mut bytes = Vec::new();
    let report = write_tar(tree, nodes, &mut bytes).unwrap();
    (bytes, report)
}

/// Reads an archive entry by entry; the tar crate's own reader of PAX records stumbles over a newline in a value.
fn read_back(bytes: &[u8]) -> Vec<(Vec<u8>, Read1)> {
    let mut entries = Vec::new();
    let mut records = BTreeMap::new();
    for entry in Archive::new(bytes).entries().unwrap().raw(true) {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        if header.entry_type() == EntryType::XHeader {
            records = read_records(&content);
            continue;
        }
        let records = std::mem::take(&mut records);
        let old = |field: &[u8]| field.split(|byte| *byte == 0).next().unwrap().to_owned();
        let name = records
            .get("path")
            .cloned()
            .unwrap_or_else(|| old(&header.as_old().name));
        let link = records
            .get("linkpath")
            .cloned()
            .unwrap_or_else(|| old(&header.as_old().linkname));
        // Only device nodes fill these fields.
        let number = |field: io::Result<Option<u32>>| field.ok().flatten().unwrap_or(0);
        let found = Read1 {
            kind: Some(header.entry_type()),
            mode: header.mode().unwrap(),
            owner: (header.uid().unwrap(), header.gid().unwrap()),
            mtime: header.mtime().unwrap(),
            link,
            device: (number(header.device_major()), number(header.device_minor())),
            records,
            content,
        };
        entries.push((name, found));
    }
    entries
}

fn read_records(mut bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut records = BTreeMap::new();
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let (record, rest) = bytes.split_at(length);
        let equals = record.iter().position(|byte| *byte == b'=').unwrap();
        let keyword = String::from_utf8(record[space + 1..equals].to_owned()).unwrap();
        assert_eq!(record.last(), Some(&b'\n'));
        records.insert(keyword, record[equals + 1..length - 1].to_owned());
        bytes = rest;
    }
    records
}

#[test]
fn names_are_sorted_within_their_directories() {
    let fixture = fixture();
    let entries = read_back(&archive(&fixture.tree, &fixture::device_nodes()).0);
    let names: Vec<&[u8]> = entries.iter().map(|(name, _)| name.as_slice()).collect();
    let long = format!("./{}", fixture::long_name());
    let expected: Vec<&[u8]> = [
        "./",
        "./bin",
        "./dev/",
        "./dev/log",
        "./dev/loop0",
        "./dev/null",
        "./etc/",
        "./etc/empty",
        "./etc/far",
        "./etc/hostname",
        "NOT-UTF8",
        "./etc/pipe",
        "./etc/same",
        "./proc/",
        "./sys/",
        "./usr/",
        "./usr/bin/",
        "./usr/bin/large",
        "./usr/bin/passwd",
        "./usr/bin/ping",
        "./var/",
        &long,
        "./var/mail/",
    ]
    .map(|name| {
        if name == "NOT-UTF8" {
            b"./etc/not-utf8-\xff".as_slice()
        } else {
            name.as_bytes()
        }
    })
    .to_vec();
    assert_eq!(names, expected);
}

#[test]
fn everything_comes_back() {
    let fixture = fixture();
    let nodes = fixture::device_nodes();
    let (bytes, report) = archive(&fixture.tree, &nodes);
    assert_eq!(bytes.len() as u64 % RECORD, 0);
    assert!(
        report.skipped_sockets.is_empty(),
        "a device node took the socket's place"
    );
    let entries = read_back(&bytes);
    let long = format!("./{}", fixture::long_name());
    let get = |name: &str| {
        &entries
            .iter()
            .find(|(found, _)| found == name.as_bytes())
            .unwrap()
            .1
    };
    let owner = fs::metadata(&fixture.tree)
        .map(|root| (u64::from(root.uid()), u64::from(root.gid())))
        .unwrap();
    let hostname = get("./etc/hostname");
    assert_eq!(
        (hostname.kind, hostname.mode, hostname.owner),
        (Some(EntryType::Regular), 0o600, owner)
    );
    assert_eq!(hostname.content, b"fixture\n");
    assert_eq!(
        (hostname.mtime, hostname.records["mtime"].as_slice()),
        (981_173_106, &b"981173106.12"[..])
    );
    assert_eq!(
        (get("./").kind, get("./").mode),
        (Some(EntryType::Directory), 0o711)
    );
    assert_eq!(get("./usr/bin/passwd").mode, 0o4755);
    assert_eq!(get("./var/mail/").mode, 0o2775);
    assert_eq!(
        (get("./bin").kind, get("./bin").link.as_slice()),
        (Some(EntryType::Symlink), &b"/usr/bin"[..])
    );
    assert_eq!(
        get("./etc/far").link,
        format!("/{}", fixture::long_name()).as_bytes()
    );
    assert_eq!(
        (get("./etc/pipe").kind, get("./etc/pipe").mode),
        (Some(EntryType::Fifo), 0o640)
    );
    assert_eq!(get(&long).content, b"long");

    // The first name holds the content, the later one links to it.
    assert!(get("./etc/same").content == fixture::large());
    let large = get("./usr/bin/large");
    assert_eq!(
        (large.kind, large.link.as_slice()),
        (Some(EntryType::Link), &b"./etc/same"[..])
    );
    assert!(large.content.is_empty());

    let ping = get("./usr/bin/ping");
    assert_eq!(ping.records["SCHILY.xattr.user.origin"], b"a\0=\nb");
    assert_eq!(
        ping.records[&format!("SCHILY.xattr.{}", fixture.capability)],
        NET_RAW
    );

    let (null, loop0) = (get("./dev/null"), get("./dev/loop0"));
    assert_eq!(
        (null.kind, null.device, null.mode),
        (Some(EntryType::Char), (1, 3), 0o666)
    );
    assert_eq!(
        (loop0.kind, loop0.device, loop0.owner),
        (Some(EntryType::Block), (7, 0), (0, 70_000))
    );
    assert_eq!((get("./dev/log").device, null.mtime), ((1, 11), 981_173_106));
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let fixture = fixture();
    assert!(archive(&fixture.tree, &[]).0 == archive(&fixture.tree, &[]).0);
}

#[test]
fn a_socket_is_left_out_and_reported() {
    let fixture = fixture();
    let (bytes, report) = archive(&fixture.tree, &[]);
    assert_eq!(
        report.skipped_sockets,
        [fixture.tree.join("dev/log").into_std_path_buf()]
    );
    assert!(read_back(&bytes).iter().all(|(name, _)| name != b"./dev/log"));
}

#[test]
fn gnu_tar_extracts_it() {
    let fixture = fixture();
    let out = fixture.scratch.join("out");
    let file = fixture.scratch.join("tree.tar");
    fs::create_dir(&out).unwrap();
    fs::write(&file, archive(&fixture.tree, &[]).0).unwrap();
    let output = Command::new("tar")
        .args([
            "--xattrs",
            "--xattrs-include=*",
            "--numeric-owner",
            "-xpf",
            file.as_str(),
            "-C",
            out.as_str(),
        ])
        .output()
        .expect("tar is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for path in [
        "etc/hostname",
        "usr/bin/passwd",
        "var/mail",
        "etc/same",
        "etc/pipe",
        &fixture::long_name(),
    ] {
        let (ours, theirs) = (
            fs::metadata(fixture.tree.join(path)),
            fs::metadata(out.join(path)),
        );
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        assert_eq!(
            (ours.mode(), ours.uid(), ours.gid()),
            (theirs.mode(), theirs.uid(), theirs.gid()),
            "{path}"
        );
        assert_eq!(
            (ours.mtime(), ours.mtime_nsec()),
            (theirs.mtime(), theirs.mtime_nsec()),
            "{path}"
        );
        assert_eq!(ours.nlink(), theirs.nlink(), "{path}");
    }
    let attribute = xattr::get(out.join("usr/bin/ping"), fixture.capability).unwrap();
    assert_eq!(attribute.as_deref(), Some(&NET_RAW[..]));
    assert!(
        out.join_os(std::ffi::OsStr::from_bytes(fixture::NOT_UTF8))
            .exists()
    );
}

#[test]
fn a_device_node_needs_its_directory() {
    let fixture = fixture();
    let mut node = fixture::device_nodes().remove(0);
    node.path = "/nowhere/null".parse().unwrap();
    let error = write_tar(&fixture.tree, &[node.clone()], &mut Vec::new()).unwrap_err();
    let expected = "the device node /nowhere/null belongs into a directory that the tree does not have";
    assert_eq!(error.to_string(), expected);
    node.path = "/usr/bin".parse().unwrap();
    let error = write_tar(&fixture.tree, &[node], &mut Vec::new()).unwrap_err();
    assert!(matches!(error, TarError::InTheWay(_)), "{error}");
}
