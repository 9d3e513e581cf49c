use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::*;
use crate::fixture::{self, Fixture, check_ext4, fixture, run};
use crate::{
    BlockDeviceConfig, ClusterIndex, Compression, DiskError, ImageSize, KnownImage, Qcow2Options,
    RootFileSystem,
};

fn spec_of(size: ByteSize) -> DiskSpec {
    let root = RootFileSystem {
        journal: ByteSize::from_mib(4),
        ..RootFileSystem::default()
    };
    DiskSpec::new(
        BlockDeviceConfig::unpartitioned(),
        &root,
        ImageSize::Exact(size),
        None,
    )
    .unwrap()
}

fn spec() -> DiskSpec {
    spec_of(ByteSize::from_mib(48))
}

fn output(fixture: &Fixture, name: &str, format: ImageFormat) -> Output {
    let path = fixture.scratch.join("out").join(name);
    Output {
        path,
        format,
        checksums: Checksums::ALL,
        existing: Existing::Rename,
    }
}

fn names(fixture: &Fixture, directory: &str) -> Vec<String> {
    let entries = fixture.scratch.join(directory).read_dir_utf8().unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect();
    names.sort();
    names
}

fn prepare() -> Fixture {
    let fixture = fixture();
    fs::create_dir(fixture.scratch.join("out")).unwrap();
    fs::create_dir(fixture.scratch.join("scratch")).unwrap();
    fixture
}

fn write(
    fixture: &Fixture,
    spec: &DiskSpec,
    outputs: &[Output],
) -> Result<(Vec<WrittenImage>, Vec<Event>), ImageError> {
    let mut events = Vec::new();
    let nodes = fixture::device_nodes();
    let scratch = fixture.scratch.join("scratch");
    let sources = ImageSources {
        device_nodes: &nodes,
        ..ImageSources::of_tree(&fixture.tree)
    };
    let images = write_images(sources, spec, outputs, &scratch, &mut |event| {
        events.push(event);
    })?
    .publish()?;
    Ok((images, events))
}

#[test]
fn every_format_is_written() {
    let fixture = prepare();
    let qcow2 = ImageFormat::Qcow2(Qcow2Options::default());
    let outputs = [
        output(&fixture, "image.tar", ImageFormat::Tar),
        output(&fixture, "image.qcow2", qcow2),
        output(&fixture, "image.raw", ImageFormat::Raw),
        output(&fixture, "again.raw", ImageFormat::Raw),
    ];
    let (images, events) = write(&fixture, &spec(), &outputs).unwrap();
    let [tar, compressed, raw, again] = images.as_slice() else {
        panic!("{images:?}")
    };
    check_ext4(&raw.path);
    run("qemu-img", &["check", compressed.path.as_str()]);
    run(
        "qemu-img",
        &["compare", raw.path.as_str(), compressed.path.as_str()],
    );
    assert_eq!((raw.size, again.size), (48 << 20, 48 << 20));
    assert_eq!(raw.sums, again.sums);
    assert!(raw.allocated < 4 << 20 && again.allocated < 4 << 20, "{images:?}");
    assert_eq!(tar.size % 10_240, 0);
    for image in &images {
        assert_eq!(fs::metadata(&image.path).unwrap().size(), image.size);
        let check = Command::new("sha256sum")
            .args(["-c", &format!("{}.sha256", image.path)])
            .output()
            .unwrap();
        assert!(check.status.success(), "{check:?}");
        let check = Command::new("md5sum")
            .args(["-c", &format!("{}.md5", image.path)])
            .output()
            .unwrap();
        assert!(check.status.success(), "{check:?}");
    }
    assert!(events.contains(&Event::MakingFileSystem {
        size: ByteSize::from_mib(48)
    }));
    let writing = |event: &&Event| matches!(event, Event::Writing { .. });
    assert_eq!(events.iter().filter(writing).count(), 4);
    assert_eq!(names(&fixture, "out").len(), 12);
    assert!(names(&fixture, "scratch").is_empty());
}

#[test]
fn a_lone_qcow2_leaves_nothing_in_the_scratch_directory() {
    let fixture = prepare();
    let mut wanted = output(
        &fixture,
        "image.qcow2",
        ImageFormat::Qcow2(Qcow2Options::default()),
    );
    wanted.checksums = Checksums::NONE;
    let (images, events) = write(&fixture, &spec(), &[wanted]).unwrap();
    run("qemu-img", &["check", images[0].path.as_str()]);
    assert_eq!(names(&fixture, "out"), ["image.qcow2"]);
    assert!(names(&fixture, "scratch").is_empty());
    let [.., Event::Progress { done, total, .. }, Event::Written { .. }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(done, total);
}

#[test]
fn an_archive_alone_needs_no_disk() {
    let fixture = prepare();
    let too_small = spec_of(ByteSize::from_kib(64));
    let (images, _) = write(
        &fixture,
        &too_small,
        &[output(&fixture, "image.tar", ImageFormat::Tar)],
    )
    .unwrap();
    assert_eq!(images.len(), 1);
}

#[test]
fn all_formats_or_none() {
    let fixture = prepare();
    let outputs = [
        output(&fixture, "image.tar", ImageFormat::Tar),
        output(&fixture, "image.raw", ImageFormat::Raw),
    ];
    fs::write(&outputs[0].path, "old").unwrap();
    let too_small = spec_of(ByteSize::from_kib(640));
    let error = write(&fixture, &too_small, &outputs).unwrap_err();
    assert!(
        matches!(error, ImageError::Disk(DiskError::TooSmall { .. })),
        "{error}"
    );
    assert_eq!(names(&fixture, "out"), ["image.tar"]);
    assert_eq!(fs::read_to_string(&outputs[0].path).unwrap(), "old");
    assert!(names(&fixture, "scratch").is_empty());
}

#[test]
fn an_image_is_made_of_the_clusters_of_another() {
    let fixture = prepare();
    let uncompressed = Qcow2Options {
        compression: Compression::None,
        ..Qcow2Options::default()
    };
    let outputs = [
        output(&fixture, "image.tar", ImageFormat::Tar),
        output(&fixture, "large.qcow2", ImageFormat::Qcow2(uncompressed)),
        output(
            &fixture,
            "image.qcow2",
            ImageFormat::Qcow2(Qcow2Options::default()),
        ),
    ];
    let disk = fixture.scratch.join("disk.raw");
    fs::write(
        &disk,
        "The quick brown fox jumps over the lazy dog.".repeat(10_000),
    )
    .unwrap();
    let disk = File::open(disk).unwrap();
    let write = |clusters| {
        let sources = ImageSources {
            clusters,
            ..ImageSources::of_tree(&fixture.tree)
        };
        let images = write_images_of_disk(sources, &disk, &outputs, &mut |_| {}).unwrap();
        let index = images.cluster_index().map(|(output, index)| {
            assert_eq!(output, &outputs[2]);
            index.to_bytes()
        });
        let images = images.publish().unwrap();
        (index, fs::read(&images[2].path).unwrap())
    };
    let (index, plain) = write(ClusterReuse::Never);
    assert_eq!(index, None);
    let (index, recorded) = write(ClusterReuse::Recorded);
    let index = ClusterIndex::from_bytes(&index.unwrap()).unwrap();
    assert_eq!(index.clusters(), 7);
    let known = KnownImage::new(File::open(&outputs[2].path).unwrap(), index);
    let (again, reused) = write(ClusterReuse::Known(&known));
    assert!(again.is_some() && plain == recorded && plain == reused);
}
