use camino::Utf8Path;

use super::document::entries;
use super::merge::images;
use super::*;

/// Checks the command lines that files of these texts stand for.
fn check(texts: &[&str], expected: &[&str]) {
    let entries = texts.iter().flat_map(|text| {
        let (entries, faults) = entries(text);
        assert_eq!(faults, [], "for {text:?}");
        entries
    });
    let lines: Vec<String> = images(entries.collect())
        .iter()
        .map(|image| ImageCommand::of(image).to_string())
        .collect();
    assert_eq!(lines, expected);
}

/// Checks all that is wrong with a file, each with its place.
fn check_faults(text: &str, expected: &[&str]) {
    let (_, faults) = entries(text);
    let lines: Vec<String> = faults
        .iter()
        .map(|misplaced| format!("{}: {}", misplaced.place, misplaced.fault))
        .collect();
    assert_eq!(lines, expected, "for {text:?}");
}

#[test]
fn an_image_becomes_a_command_line() {
    check(
        &["- imagename: debian\n  elements: [debian-minimal, vm]\n\
           - imagename: agent\n  ramdisk: true\n  elements:\n  - ironic-python-agent-ramdisk\n  - debian\n"],
        &[
            "disk-image-create -o debian debian-minimal vm",
            "ramdisk-image-create -o agent ironic-python-agent-ramdisk debian",
        ],
    );
}

/// The order of options is that of upstream's program.
#[test]
fn every_key_becomes_an_option() {
    check(
        &["
- elements: [debian, vm]
  skip-base: yes
  packages: [wget, tmux]
  docker-target: everything:latest
  install-type: package
  ramdisk-element: dracut-ramdisk
  root-label: root
  qemu-img-options: {compat: '1.1', cluster_size: 65536}
  offline: true
  no-tmpfs: true
  mkfs-options: -D
  mkfs-journal-size: 1
  min-tmpfs: 7
  max-online-resize: 1000
  image-cache: ~/.cache/dib
  image-extra-size: 1
  image-size: 40
  checksum: true
  logfile: ./log file
  clear: true
  uncompressed: true
  debug-trace: 2
  ramdisk: false
  environment: {DIB_RELEASE: bookworm, DIB_DEV_USER_PASSWORD: secret, DIB_X: it's}
  types: [qcow2, raw]
  arch: amd64
  imagename: everything
"],
        &[
            r"DIB_RELEASE=bookworm DIB_DEV_USER_PASSWORD='***' DIB_X='it'\''s' disk-image-create -o everything -a amd64 -t qcow2,raw -x -x -u -c --logfile './log file' --checksum --image-size 40 --image-extra-size 1 --image-cache '~/.cache/dib' --max-online-resize 1000 --min-tmpfs 7 --mkfs-journal-size 1 --mkfs-options -D --no-tmpfs --offline --qemu-img-options compat=1.1,cluster_size=65536 --root-label root --ramdisk-element dracut-ramdisk --install-type package --docker-target everything:latest -p wget,tmux -n debian vm",
        ],
    );
}

#[test]
fn what_is_off_or_empty_becomes_nothing() {
    check(
        &[
            "- {imagename: '', skip-base: no, packages: [], qemu-img-options: {}, debug-trace: 0, types: [], elements: []}\n",
        ],
        &["disk-image-create"],
    );
    check(&["[]"], &[]);
    check(&["- {}"], &["disk-image-create"]);
}

#[test]
fn entries_of_one_name_are_one_image() {
    check(
        &[
            "- imagename: debian\n  debug-trace: 1\n  elements: [debian, vm]\n  environment: {A: '1', B: '2'}\n\
             - imagename: other\n  elements: [ubuntu]\n",
            "- elements: [vm]\n\
             - imagename: debian\n  debug-trace: 2\n  elements: [devuser]\n  environment: {B: two, C: three}\n\
             - logfile: x.log\n",
        ],
        &[
            "A=1 B=two C=three disk-image-create -o debian -x -x --logfile x.log debian vm devuser",
            "disk-image-create -o other ubuntu vm",
        ],
    );
}

/// Upstream's is called `image`, be it by its entry or by what its program makes of no name.
#[test]
fn an_image_has_a_name_in_any_case() {
    check(
        &["- elements: [debian]\n- imagename: image\n  elements: [vm]\n"],
        &["disk-image-create -o image debian vm"],
    );
    check(&["- elements: [debian]\n"], &["disk-image-create debian"]);
}

#[test]
fn an_entry_may_be_made_of_another() {
    check(
        &[
            "- &base\n  imagename: a\n  elements: [debian]\n  environment: &variables {X: 1}\n\
           - <<: *base\n  imagename: b\n  environment: {<<: *variables, Y: on}\n",
        ],
        &[
            "X=1 disk-image-create -o a debian",
            "X=1 Y=on disk-image-create -o b debian",
        ],
    );
}

#[test]
fn all_that_is_wrong_is_told_with_its_place() {
    check_faults(
        "- imagname: x\n  types: [qcow, raw, 1]\n  arch: ppc\n  image-size: big\n  skip-base: maybe\n\
         - environment:\n    DIB-RELEASE: x\n    DIB_X:\n    DIB_Y: [z]\n  elements: debian\n\
         - just a text\n",
        &[
            r#"1:3: there is no key "imagname"; did you mean imagename?"#,
            r#"2:11: types: there is no image type "qcow"; did you mean qcow2?"#,
            r#"2:22: types: there is no image type "1"; there are qcow2, tar, tgz, squashfs, vhd, docker, raw, oci, raw.zst, vmdk"#,
            r#"3:9: arch: there is no architecture "ppc"; there are aarch64, amd64, arm64, armhf, i386, ppc64el, ppc64le, riscv64, s390x, x86_64"#,
            r#"4:15: image-size must be a whole number from 1, not "big""#,
            "5:14: skip-base must be true or false, not a text",
            r#"7:5: "DIB-RELEASE" is no name for a variable"#,
            "8:10: DIB_X must be a text, not nothing",
            "9:12: DIB_Y must be a text, not a list",
            "10:13: elements must be a list, not a text",
            "11:3: an image must be a mapping, not a text",
        ],
    );
}

#[test]
fn numbers_are_plain_digits_in_their_range() {
    for text in ["0", "-1", "1.5", "'4'", "010", "1_0", "18446744073709551616"] {
        let (_, faults) = entries(&format!("- image-size: {text}\n"));
        assert_eq!(faults.len(), 1, "{text}");
    }
    check_faults(
        "- debug-trace: 3\n",
        &[r#"1:16: debug-trace must be a whole number from 0 to 2, not "3""#],
    );
}

#[test]
fn a_file_that_is_no_list_is_told() {
    check_faults("", &["1:1: the file must be a list, not nothing"]);
    check_faults(
        "elements: [debian]\n",
        &["1:1: the file must be a list, not a mapping"],
    );
    check_faults("- a: [\n", &["1:6: unclosed bracket '['"]);
    check_faults("-\n", &["1:2: an image must be a mapping, not nothing"]);
    check_faults(
        "- {elements: [\"a\\0b\", ~]}\n",
        &[
            "1:15: an entry of elements has a NUL, which no argument of a program can have",
            "1:23: an entry of elements must be a text, not nothing",
        ],
    );
    check_faults("- [1]: 2\n", &["1:3: a key must be a text, not a list"]);
}

#[test]
fn the_faults_of_all_files_are_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(directory.path()).unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let paths = [
        write("a.yaml", "- image: x\n"),
        write("b.yaml", "- {}\n"),
        write("c.yaml", "{}\n"),
    ];
    let error = read(&paths).unwrap_err().to_string();
    assert_eq!(
        error.replace(directory.as_str(), "D"),
        "D/a.yaml:1:3: there is no key \"image\"; there are imagename, arch, types, environment, ramdisk, debug-trace, \
         uncompressed, clear, logfile, checksum, image-size, image-extra-size, image-cache, max-online-resize, min-tmpfs, \
         mkfs-journal-size, mkfs-options, no-tmpfs, offline, qemu-img-options, root-label, ramdisk-element, install-type, \
         docker-target, packages, skip-base, elements\n\
         D/c.yaml:1:1: the file must be a list, not a mapping"
    );
    let error = read(&[directory.join("missing.yaml")]).unwrap_err().to_string();
    assert_eq!(error, format!("failed to read {directory}/missing.yaml"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(elements|types|environment|image-size|imagename|raw|<<|[:,{}\\[\\]=&*'\" \n0-9-]){0,40}") {
        let (entries, _) = entries(&text);
        for image in images(entries) {
            let _ = ImageCommand::of(&image).to_string();
        }
    }
}
