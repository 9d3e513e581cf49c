use super::*;

#[test]
fn an_extension_is_left_out_with_a_single_type_that_it_names() {
    let base = |spec: ImageSpec| spec.output.base.into_string();
    check(
        base,
        &[
            (&["-o", "/i/a.qcow2"], &[], "/i/a".into()),
            (&["-o", "a.raw", "-t", "raw"], &[], "a".into()),
            (&["-o", "a.raw"], &[], "a.raw".into()),
            (&["-o", "a.qcow2", "-t", "qcow2,raw"], &[], "a.qcow2".into()),
            (&["-o", "a.qcow2.qcow2"], &[], "a.qcow2".into()),
            (&["-o", "x-24.04.1"], &[], "x-24.04.1".into()),
            (
                &[],
                &[("IMAGE_NAME", "from-variable.qcow2")],
                "from-variable".into(),
            ),
            (&[], &[], "image".into()),
        ],
    );
    for path in ["a/", "/", "..", "a/.", ".qcow2", "a/.qcow2"] {
        check_refused(
            &["-o", path],
            &[],
            &format!("error: -o is {path:?}\n  because the path of a file is expected\n"),
        );
    }
    check(
        |spec| spec.output.types,
        &[
            (&["-t", "tar, raw,tar"], &[], vec![ImageType::Tar, ImageType::Raw]),
            (&["-t", ""], &[], vec![ImageType::Qcow2]),
            (&["-t", " , "], &[], vec![ImageType::Qcow2]),
            (
                &["-t", "raw tgz"],
                &[("IMAGE_TYPES", "vhd")],
                vec![ImageType::Raw, ImageType::Tgz],
            ),
            (
                &[],
                &[("IMAGE_TYPES", "vhd squashfs")],
                vec![ImageType::Vhd, ImageType::SquashFs],
            ),
        ],
    );
}

#[test]
fn a_ramdisk_has_an_element_of_its_own_and_no_disk() {
    let ramdisk = |arguments: &[&str], variables: &[(&str, &str)]| {
        let options = ImageOptions {
            product: Product::Ramdisk,
            ..options(arguments)
        };
        let spec = spec_from(&options, &environment(variables), &[]).unwrap();
        (spec.elements, spec.output.disk_images)
    };
    let check = |arguments: &[&str], variables: &[(&str, &str)], elements: &[&str]| {
        let elements = elements.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(ramdisk(arguments, variables), (elements, DiskImages::Omitted));
    };
    check(&["debian"], &[], &["ramdisk", "debian"]);
    check(&["debian"], &[("RAMDISK_ELEMENT", "mine")], &["mine", "debian"]);
    check(
        &["--ramdisk-element", "dracut-ramdisk", "a b"],
        &[("RAMDISK_ELEMENT", "mine")],
        &["dracut-ramdisk", "a", "b"],
    );
    check(&[""], &[], &[]);
    let disk = spec(&["--ramdisk-element", "mine", "debian"], &[]).unwrap();
    assert_eq!(
        (disk.elements.len(), disk.output.disk_images),
        (1, DiskImages::Written)
    );
}

#[test]
fn formats_and_install_types_come_from_either() {
    check(
        |spec| (spec.output.format_options, spec.output.docker_target),
        &[
            (
                &["--qemu-img-options", "compat=0.10", "--docker-target", "a:1"],
                &[("QEMU_IMG_OPTIONS", "compat=1.1"), ("DOCKER_TARGET", "b")],
                ("compat=0.10".into(), Some("a:1".into())),
            ),
            (
                &[],
                &[("QEMU_IMG_OPTIONS", "compat=1.1"), ("DOCKER_TARGET", "b")],
                ("compat=1.1".into(), Some("b".into())),
            ),
        ],
    );
    let variable = |name| move |spec: ImageSpec| spec.variables.get(name).cloned();
    check(
        variable("DIB_DEFAULT_INSTALLTYPE"),
        &[
            (
                &["--install-type", "package"],
                &[("DIB_DEFAULT_INSTALLTYPE", "repo")],
                Some("package".into()),
            ),
            (&[], &[("DIB_DEFAULT_INSTALLTYPE", "repo")], Some("repo".into())),
            (&[], &[], None),
        ],
    );
    check(
        |spec| (spec.output.mkfs_options, spec.output.root_file_system),
        &[(
            &[],
            &[("MKFS_OPTS", "-i 8192"), ("FS_TYPE", "xfs")],
            ("-i 8192".into(), "xfs".into()),
        )],
    );
}

#[test]
fn a_loop_device_takes_root() {
    let with = spec(&["--loop", "ubuntu"], &[]).unwrap();
    let without = spec(&["ubuntu"], &[]).unwrap();
    assert_eq!(
        (with.loop_device, without.loop_device),
        (LoopDevice::Attached, LoopDevice::Unused)
    );
    assert!(check_rights(&without).is_ok());
    let is_root = nix::unistd::Uid::effective().is_root();
    match check_rights(&with) {
        Ok(()) => assert!(is_root),
        Err(error) => {
            assert!(!is_root);
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.render().contains("--loop"), "{}", error.render());
        }
    }
}
