use std::os::unix::fs::FileExt;
use std::process::Command;

use super::*;

struct Place {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
}

fn place() -> Place {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    Place { _guard: guard, path }
}

fn names(directory: &Utf8Path) -> Vec<String> {
    let mut names: Vec<String> = directory
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect();
    names.sort();
    names
}

fn write(path: &Utf8Path, content: &str, wanted: Checksums, existing: Existing) -> PublishedFile {
    let mut output = OutputFile::create(path).unwrap();
    output.write_all(content.as_bytes()).unwrap();
    output.commit(wanted, existing).unwrap()
}

#[test]
fn nothing_stands_under_the_name_before_the_end() {
    let place = place();
    let path = place.path.join("image.raw");
    let mut output = OutputFile::create(&path).unwrap();
    output.write_all(b"half").unwrap();
    assert!(!path.exists());
    let finished = output
        .finish(&Sums {
            md5: Some("00".into()),
            sha256: None,
        })
        .unwrap();
    assert!(
        names(&place.path).iter().all(|name| name.contains(PARTIAL)),
        "{:?}",
        names(&place.path)
    );
    finished.publish(Existing::Rename).unwrap();
    assert_eq!(names(&place.path), ["image.raw", "image.raw.md5"]);
}

#[test]
fn dropping_removes_what_was_written() {
    let place = place();
    let mut output = OutputFile::create(&place.path.join("image.raw")).unwrap();
    output.write_all(b"half").unwrap();
    drop(output);
    let finished = OutputFile::create(&place.path.join("image.raw")).unwrap();
    drop(
        finished
            .finish(&Sums {
                md5: Some("00".into()),
                sha256: Some("11".into()),
            })
            .unwrap(),
    );
    assert!(names(&place.path).is_empty());
}

#[test]
fn a_sparse_file_stays_sparse() {
    let place = place();
    let output = OutputFile::create(&place.path.join("image.raw")).unwrap();
    output.file().set_len(256 << 20).unwrap();
    output.file().write_all_at(b"x", 100 << 20).unwrap();
    let published = output.commit(Checksums::NONE, Existing::Rename).unwrap();
    assert_eq!(published.size, 256 << 20);
    assert!(published.allocated < 1 << 20, "{published:?}");
}

#[test]
fn checksum_files_are_what_md5sum_and_sha256sum_print() {
    let place = place();
    let path = place.path.join("image with spaces.raw");
    write(&path, "content", Checksums::ALL, Existing::Rename);
    for (tool, extension) in [("md5sum", "md5"), ("sha256sum", "sha256")] {
        let printed = Command::new(tool)
            .arg(&path)
            .output()
            .expect("coreutils is installed")
            .stdout;
        let written = fs::read(format!("{path}.{extension}")).unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            String::from_utf8(printed).unwrap()
        );
    }
}

#[test]
fn an_older_image_is_renamed_with_its_checksums() {
    let place = place();
    let path = place.path.join("image.qcow2");
    write(&path, "old", Checksums::ALL, Existing::Rename);
    let published = write(
        &path,
        "new",
        Checksums {
            md5: true,
            sha256: false,
        },
        Existing::Rename,
    );
    let aside = published.old_renamed_to.unwrap();
    assert_eq!(fs::read_to_string(&aside).unwrap(), "old");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    let aside = aside.file_name().unwrap().to_owned();
    let mut expected: Vec<String> = ["", ".md5", ".sha256"]
        .iter()
        .map(|end| format!("{aside}{end}"))
        .collect();
    expected.extend(["image.qcow2".to_owned(), "image.qcow2.md5".to_owned()]);
    assert_eq!(names(&place.path), expected);
}

#[test]
fn an_older_image_is_overwritten_and_its_checksums_do_not_outlive_it() {
    let place = place();
    let path = place.path.join("image.qcow2");
    write(&path, "old", Checksums::ALL, Existing::Rename);
    let published = write(
        &path,
        "new",
        Checksums {
            md5: false,
            sha256: true,
        },
        Existing::Overwrite,
    );
    assert_eq!(published.old_renamed_to, None);
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(&place.path), ["image.qcow2", "image.qcow2.sha256"]);
}

#[test]
fn leftovers_are_removed_and_living_files_are_not() {
    let place = place();
    let living = OutputFile::create(&place.path.join("image.raw")).unwrap();
    // What a killed writer leaves: the name, and nobody who holds the lock.
    let left = place.path.join(format!(".image.raw{PARTIAL}7-abc-0"));
    fs::write(&left, "half").unwrap();
    fs::write(place.path.join(".image.raw"), "another's").unwrap();
    assert_eq!(remove_leftovers(&place.path).unwrap(), [left]);
    assert!(living.temporary_path().exists());
    living.commit(Checksums::NONE, Existing::Rename).unwrap();
    assert_eq!(names(&place.path), [".image.raw", "image.raw"]);
    assert!(remove_leftovers(&place.path.join("missing")).unwrap().is_empty());
}

#[test]
fn a_killed_writer_leaves_a_leftover() {
    let place = place();
    // flock(1) holds the lock as a writer of ours would, in a process that can be killed.
    let path = place.path.join(format!(".image.raw{PARTIAL}1-0-0"));
    let mut writer = Command::new("flock")
        .args([
            "--no-fork",
            path.as_str(),
            "sh",
            "-c",
            "echo held; exec sleep 600",
        ])
        .stdout(process::Stdio::piped())
        .spawn()
        .expect("util-linux is installed");
    let mut line = String::new();
    let output = writer.stdout.take().unwrap();
    io::BufRead::read_line(&mut io::BufReader::new(output), &mut line).unwrap();
    assert_eq!(line, "held\n");
    assert!(remove_leftovers(&place.path).unwrap().is_empty());
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert_eq!(remove_leftovers(&place.path).unwrap(), [path]);
}

#[test]
fn errors_name_the_output() {
    let missing = OutputFile::create("missing-directory/image.raw".into()).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "failed to create a temporary file for missing-directory/image.raw"
    );
    let root = OutputFile::create("/".into()).unwrap_err();
    assert_eq!(root.to_string(), r#""/" does not name a file"#);
    assert!(matches!(
        OutputFile::create("/..".into()),
        Err(OutputError::NotAFileName(_))
    ));
}
