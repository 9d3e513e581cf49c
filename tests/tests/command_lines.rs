//! What the command lines say.

use crate::world::{World, run, succeed};

/// The seed's root stage, in the seed's order.
#[test]
fn the_plan_of_ubuntu_lists_the_seeds_root_stage() {
    let world = World::new();
    let plan = succeed(world.program("dib").args(["plan", "ubuntu"])).stdout;
    let stage = plan
        .split("phase root\n")
        .nth(1)
        .unwrap()
        .split("phase ")
        .next()
        .unwrap();
    let hooks: Vec<_> = stage
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(
        hooks,
        [
            "01-ccache",
            "09-apt-keyring",
            "10-cache-ubuntu-tarball",
            "50-build-with-http-cache",
            "60-block-apt-translations",
            "90-base-dib-run-parts",
            "99-block-daemons",
            "99-shared_apt_cache",
            "99-trim-dpkg",
        ]
    );
}

#[test]
fn planning_has_no_effect() {
    let world = World::new();
    succeed(world.program("dib").args(["plan", "ubuntu"]));
    assert!(world.names("out").is_empty());
    assert!(world.names("home").is_empty());
    world.assert_nothing_is_left();
}

#[test]
fn a_wrong_element_is_told_with_the_nearest_and_an_exit_code() {
    let world = World::new();
    let ran = run(world.program("dib").args(["build", "ubunut"]));
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    insta::assert_snapshot!(ran.stderr, @"
    error: there is no element ubunut (asked for)
      hint: did you mean ubuntu?
    ");
    assert!(world.names("out").is_empty());
}

#[test]
fn an_unknown_type_fails_before_any_work() {
    let world = World::new();
    let ran = run(world.program("disk-image-create").args(["-t", "qcow3", "ubuntu"]));
    assert_eq!(ran.code, Some(64), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("qcow3") && ran.stderr.contains("raw, raw.zst, qcow2"),
        "{}",
        ran.stderr
    );
    assert!(world.names("out").is_empty());
}

#[test]
fn an_output_that_can_have_no_directory_fails_before_any_work() {
    let world = World::new();
    let ran = run(&mut world.tiny_build(&["-o", "missing/image"]));
    assert_eq!(ran.code, Some(73), "{}", ran.stderr);
    assert!(ran.stderr.contains("missing"), "{}", ran.stderr);
    world.assert_nothing_is_left();
}

#[test]
fn versions_and_help_exit_well() {
    let world = World::new();
    assert_eq!(
        succeed(world.program("dib").arg("--version")).stdout,
        "dib 0.1.0\n"
    );
    succeed(world.program("disk-image-create").arg("--version"));
    let help = succeed(world.program("disk-image-create").arg("-h")).stdout;
    assert!(help.contains("--image-cache"), "{help}");
    let help = succeed(world.program("dib").args(["build", "--help"])).stdout;
    assert!(
        help.contains("65") && help.contains("sum or signature"),
        "exit codes are documented: {help}"
    );
}

#[test]
fn elements_and_their_variables_are_shown() {
    let world = World::new();
    let list = succeed(world.program("myorg-dib").arg("elements")).stdout;
    insta::assert_snapshot!(list, @"
    apt-conf                     Gives the image an apt.conf of the user's
    apt-preferences              Keeps the image's packages at the versions of an earlier image
    apt-sources                  Gives the image a sources.list of the user's
    baremetal                    Copies the image's kernel and ramdisk beside it, as <image>.vmlinuz and <image>.initrd
    base                         What every image gets, whatever its distribution
    block-device-efi             A GPT with an EFI system partition, for UEFI and, on amd64, BIOS
    block-device-gpt             One partition for the system in a GPT, for BIOS
    block-device-mbr             One partition in an MBR, for BIOS
    bootloader                   GRUB, so that the disk boots
    cache-url                    Brings the program cache-url, by which scripts download files
    cleanup-kernel-initrd        Leaves no kernel in the image but the one that it boots
    cloud-init                   Installs cloud-init and starts it at boot
    cloud-init-datasources       Has cloud-init ask only the sources of DIB_CLOUD_INIT_DATASOURCES
    cloud-init-disable-resizefs  Has cloud-init grow neither partitions nor file systems
    cloud-init-growpart          Has cloud-init grow the partitions of DIB_CLOUD_INIT_GROWPART_DEVICES
    cloud-init-nocloud           Has cloud-init ask nobody, but use files of the image, which are empty
    debian                       Debian as a cloud image, from its archive: cloud-init, SSH, and the usual tools
    debian-minimal               A minimal Debian with a kernel, from its archive
    debootstrap                  Makes a root file system of an archive's packages; debian-minimal and ubuntu-minimal say of which
    devuser                      Makes a user for development, with a password, keys and rights as you like
    dhcp-all-interfaces          Has each network interface with a link ask for its addresses by DHCP
    dib-init-system              Knows the image's init system
    dib-python                   Lets scripts of the build find Python as dib-python
    dib-run-parts                Installs the distribution's package of dib-run-parts; base brings the program without it
    disable-nouveau              Keeps the kernel's driver for NVIDIA's graphics from being loaded
    dpkg                         Builds on dpkg and apt: quiet, fast, without starting daemons
    element-manifest             Writes down in the image which elements it is made of
    enable-serial-console        Lets people log in at every serial port that there is
    ensure-venv                  Makes sure that python3 -m venv works
    growroot                     Grows the root partition and its file system to the size of the disk, at boot
    install-bin                  Installs the programs of elements, which their scripts call, in the image
    install-static               Copies what elements have in static/ to the image, to the same place below its root
    install-types                Lets the user choose where an element's software comes from, by DIB_INSTALLTYPE_<element with _ for ->
    journal-to-console           Has systemd's journal go to the console as well
    local-config                 Leaves the SSH keys and the proxies of the one who builds in the image, so it is for no one else
    manifests                    Keeps what went into the image, in it and in <image>.d/dib-manifests
    modprobe                     Keeps kernel modules from being loaded
    modprobe-blacklist           Another name for modprobe, which took its place
    myorg-mirror                 A base image and packages from my organisation's mirror
    myorg-ssh                    An SSH server as my organisation wants it
    myorg-tiny                   An operating system of a handful of files, to try builds with
    no-final-image               Has the build write no image of a disk, as for a ramdisk
    openssh-server               Installs OpenSSH's server, starts it at boot, and has it use strong algorithms only
    package-installs             Installs and removes the packages that elements and the user ask for
    pip-cache                    Keeps what pip downloads in the image cache, for the next build
    pkg-map                      Maps names of packages to those of the distribution, and keeps the maps in the image
    runtime-ssh-host-keys        Leaves no SSH host keys in the image; a machine makes its own at its first boot
    select-boot-kernel-initrd    Lets scripts in the image ask which kernel and ramdisk it boots
    source-repositories          Puts sources that elements name into the image, from git or archives
    stable-interface-names       Names network interfaces by where they are, with biosdevname
    svc-map                      Maps names of services to those of the distribution, for scripts in the image
    sysctl                       Brings programs by which scripts set parameters of the image's kernel
    sysprep                      Leaves in the image what a first boot has to find
    ubuntu                       Ubuntu, from the root file system of its published cloud images
    ubuntu-common                What all images of Ubuntu have in common
    ubuntu-minimal               A minimal Ubuntu with a kernel, from its archive
    vm                           A partitioned disk with a boot loader, for virtual machines
    ");
    let shown = succeed(world.program("dib").args(["elements", "show", "base"])).stdout;
    assert!(
        shown.contains("DIB_CCACHE_DIR") && shown.contains("$DIB_IMAGE_CACHE/ccache"),
        "{shown}"
    );
    let ran = run(world.program("dib").args(["elements", "show", "bsae"]));
    assert!(
        ran.code != Some(0) && ran.stderr.contains("base"),
        "{}",
        ran.stderr
    );
}

#[test]
fn completions_and_man_pages_are_written() {
    let world = World::new();
    let completions = succeed(world.program("dib").args(["completions", "bash"])).stdout;
    assert!(completions.contains("complete"), "{completions}");
    succeed(world.program("dib").args(["man", world.path("out").as_str()]));
    let pages = world.names("out");
    assert!(
        pages.contains(&"dib.1".to_owned()) && pages.contains(&"disk-image-create.1".to_owned()),
        "{pages:?}"
    );
}

/// Octavia's style: empty arguments, and several elements in one.
#[test]
fn callers_may_give_empty_arguments_and_several_elements_in_one() {
    let world = World::new();
    let ran = succeed(world.program("dib").args([
        "plan",
        "",
        "-o",
        "amphora.qcow2",
        "-t",
        "qcow2",
        "",
        "ubuntu base",
    ]));
    assert!(ran.stdout.contains("  amphora.qcow2\n"), "{}", ran.stdout);
}

#[test]
fn packages_that_nobody_would_install_are_told_before_any_work() {
    let world = World::new();
    let ran = run(&mut world.tiny_build(&["-p", "vim"]));
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("vim") && ran.stderr.contains("dpkg"),
        "{}",
        ran.stderr
    );
    assert!(world.names("out").is_empty());
}

#[test]
fn a_local_image_that_is_missing_is_missing_input() {
    let world = World::new();
    let ran = run(world
        .program("dib")
        .args(["build", "ubuntu"])
        .env("DIB_LOCAL_IMAGE", "/nowhere/root.tar.gz"));
    assert_eq!(ran.code, Some(66), "{}", ran.stderr);
    assert!(ran.stderr.contains("/nowhere/root.tar.gz"), "{}", ran.stderr);
    world.assert_nothing_is_left();
}

/// README shows an element as code; it is the downstream crate's.
#[test]
fn the_readmes_element_is_the_downstream_crates() {
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let read = |path: &str| std::fs::read_to_string(format!("{repository}/{path}")).unwrap();
    let readme = read("README.md");
    let sources = [
        "src/lib.rs",
        "src/harden_sshd.rs",
        "src/main.rs",
        "tests/hooks.rs",
    ]
    .map(|name| read(&format!("tests/downstream/{name}")))
    .concat();
    let (_, element) = readme.split_once("## Add an element").unwrap();
    let shown: Vec<_> = element
        .split("```rust")
        .skip(1)
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .map(str::trim)
        .filter(|line| line.len() > 20 && !line.starts_with("use "))
        .collect();
    assert!(shown.len() > 15, "{shown:?}");
    // Formatting may break a line where README has room for it.
    let squeezed = |text: &str| {
        text.chars()
            .filter(|character| !character.is_whitespace())
            .collect::<String>()
    };
    let sources = squeezed(&sources);
    let has = |line: &str| sources.contains(&squeezed(line));
    let strange: Vec<_> = shown.iter().filter(|line| !has(line)).collect();
    assert!(
        strange.is_empty(),
        "README shows what the downstream crate has not: {strange:#?}"
    );
}

#[test]
fn what_is_no_disk_is_not_booted() {
    let world = World::new();
    let image = world.path("out").join("image.squashfs");
    std::fs::write(&image, b"hsqs and more").unwrap();
    let ran = run(world.program("dib").args(["boot", "--test", image.as_str()]));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("is a SquashFS file system, not the image of a disk"),
        "{}",
        ran.stderr
    );
    let ran = run(world
        .program("dib")
        .args(["build", "--boot-test", "-t", "tar", "ubuntu"]));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(ran.stderr.contains("is a disk"), "{}", ran.stderr);
}
