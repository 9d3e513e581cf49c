use super::*;
use crate::{BlockDeviceConfig, DiskSpec, ImageSize, RootFileSystem};

/// Returns the table of a layout, with the partition of the root file system added as the last.
fn table(disk: &str, label: &str, partitions: &str) -> PartitionTable {
    let layout = format!(
        "[{{local_loop: {{name: d{disk}}}}}, {{partitioning: {{base: d, label: {label}, partitions: [{partitions}, \
         {{name: root, size: 100%, mkfs: {{mount: {{mount_point: /}}}}}}]}}}}]"
    );
    let layout = BlockDeviceConfig::parse(&layout, "test").unwrap();
    let spec = DiskSpec::new(layout, &RootFileSystem::default(), ImageSize::Fitting, Some(7)).unwrap();
    spec.table.unwrap()
}

fn written(table: &PartitionTable, extents: &[Extent], size: u64) -> Vec<u8> {
    let file = tempfile::tempfile().unwrap();
    file.set_len(size).unwrap();
    write_table(&file, table, extents, size).unwrap();
    let mut bytes = vec![0; usize::try_from(size).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn number(bytes: &[u8], at: u64, length: usize) -> u64 {
    let at = usize::try_from(at).unwrap();
    bytes[at..at + length]
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

const MIB: u64 = 1 << 20;

/// Reads an MBR's partitions as the kernel does: the primary ones, then the chain of logical ones.
fn read_mbr(bytes: &[u8]) -> Vec<(u64, Extent, bool)> {
    let entry = |record: u64, index: u64| {
        assert_eq!(number(bytes, record * 512 + 510, 2), 0xaa55, "record {record}");
        let at = record * 512 + 446 + 16 * index;
        let (start, length) = (number(bytes, at + 8, 4), number(bytes, at + 12, 4));
        (
            number(bytes, at + 4, 1),
            start,
            length,
            number(bytes, at, 1) == 0x80,
        )
    };
    let extent = |start, length| Extent {
        start: start * 512,
        length: length * 512,
    };
    let mut found = Vec::new();
    for index in 0..4 {
        let (kind, start, length, is_bootable) = entry(0, index);
        if kind == 0x0f {
            let extended = extent(start, length);
            let mut record = start;
            loop {
                let (kind, own_start, length, is_bootable) = entry(record, 0);
                let own = extent(record + own_start, length);
                assert!(
                    own.start >= extended.start && own.end() <= extended.end(),
                    "{own:?} in {extended:?}"
                );
                found.push((kind, own, is_bootable));
                let (kind, next, length, _) = entry(record, 1);
                if kind == 0 {
                    break;
                }
                assert_eq!(kind, 5);
                record = start + next;
                assert!((record + length) * 512 <= extended.end());
            }
        } else if kind != 0 {
            found.push((kind, extent(start, length), is_bootable));
        }
    }
    found
}

#[test]
fn an_mbr_is_read_as_it_was_written() {
    let size = 64 * MIB;
    for (partitions, kinds, numbers) in [
        (
            "{name: a, size: 8MiB, type: '0x41', flags: [boot, primary]}",
            vec![0x41, 0x83],
            vec![1, 5],
        ),
        (
            "{name: a, size: 54%, flags: [primary]}, {name: b, size: 40%, flags: [boot]}, {name: c, size: 513B, type: '82'}",
            vec![0x83, 0x83, 0x82, 0x83],
            vec![1, 5, 6, 7],
        ),
        ("{name: a, size: 8MiB}", vec![0x83, 0x83], vec![5, 6]),
    ] {
        let table = table("", "mbr", partitions);
        let extents = lay_out(&table, size).unwrap();
        let bytes = written(&table, &extents, size);
        let found = read_mbr(&bytes);
        assert_eq!(
            found.iter().map(|(_, extent, _)| *extent).collect::<Vec<_>>(),
            extents
        );
        assert_eq!(found.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), kinds);
        let bootable = table
            .config
            .partitions
            .iter()
            .map(|partition| partition.is_bootable);
        assert!(found.iter().map(|(.., bootable)| *bootable).eq(bootable));
        assert_eq!(table.numbers(), numbers);
        let DiskIdentifier::Mbr(identifier) = table.disk else {
            panic!("{table:?}")
        };
        assert_eq!(number(&bytes, 440, 4), u64::from(identifier));
        for (one, next) in extents.iter().zip(&extents[1..]) {
            assert!(one.end() <= next.start && next.start % MIB == 0, "{extents:?}");
        }
    }
}

#[test]
fn an_mbr_is_laid_out_as_upstream_does() {
    let primary = "{name: a, size: 50%, flags: [primary]}, {name: b, size: 25%}";
    let extents = lay_out(&table("", "mbr", primary), 102 * MIB).unwrap();
    let mib = |extent: &Extent| (extent.start / MIB, extent.length / MIB);
    // What is free is the disk without the next partition's begin, and one alignment less.
    assert_eq!(
        extents.iter().map(mib).collect::<Vec<_>>(),
        [(1, 50), (52, 12), (66, 36)]
    );
    assert_eq!(extents[1].length, 50 * MIB / 4);
}

/// Returns a GPT's partitions, after a look at both of its copies: type, GUID, place and name.
fn read_gpt(bytes: &[u8], sector: u64) -> Vec<([u8; 16], [u8; 16], Extent, String)> {
    let last = u64::try_from(bytes.len()).unwrap() / sector - 1;
    assert_eq!(number(bytes, 510, 2), 0xaa55);
    assert_eq!(
        (
            number(bytes, 450, 1),
            number(bytes, 454, 4),
            number(bytes, 458, 4)
        ),
        (0xee, 1, last)
    );
    let slice = |at: u64, length: u64| {
        let at = usize::try_from(at).unwrap();
        &bytes[at..at + usize::try_from(length).unwrap()]
    };
    for (own, other, entries) in [(1, last, 2), (last, 1, last - 16_384 / sector)] {
        let at = own * sector;
        assert_eq!(slice(at, 8), b"EFI PART");
        let mut header = slice(at, 92).to_vec();
        header[16..20].fill(0);
        assert_eq!(number(bytes, at + 16, 4), u64::from(crc32fast::hash(&header)));
        assert_eq!(
            (number(bytes, at + 24, 8), number(bytes, at + 32, 8)),
            (own, other)
        );
        assert_eq!(number(bytes, at + 40, 8), 2 + 16_384 / sector);
        assert_eq!(number(bytes, at + 48, 8), last - 16_384 / sector - 1);
        assert_eq!(number(bytes, at + 72, 8), entries);
        assert_eq!((number(bytes, at + 80, 4), number(bytes, at + 84, 4)), (128, 128));
        let array = slice(entries * sector, 16_384);
        assert_eq!(number(bytes, at + 88, 4), u64::from(crc32fast::hash(array)));
        assert_eq!(array, slice(2 * sector, 16_384));
    }
    let read = |index: u64| {
        let at = 2 * sector + 128 * index;
        let (first, last) = (number(bytes, at + 32, 8), number(bytes, at + 40, 8));
        let units: Vec<u16> = slice(at + 56, 72)
            .chunks(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect();
        let name = String::from_utf16(&units)
            .unwrap()
            .trim_end_matches('\0')
            .to_owned();
        let extent = Extent {
            start: first * sector,
            length: (last + 1 - first) * sector,
        };
        let guid = |at| <[u8; 16]>::try_from(slice(at, 16)).unwrap();
        (guid(at), guid(at + 16), extent, name)
    };
    (0..128).map(read).filter(|(kind, ..)| *kind != [0; 16]).collect()
}

#[test]
fn a_gpt_is_read_as_it_was_written() {
    for (disk, sector) in [("", 512), (", block_size: 4096", 4096)] {
        let size = 64 * MIB;
        let long = "{name: ESP, type: EF00, size: 10MiB}, {name: '\u{e4} name that is longer than thirty-six units', size: 1500KiB}";
        let table = table(disk, "gpt", long);
        let extents = lay_out(&table, size).unwrap();
        let found = read_gpt(&written(&table, &extents, size), sector);
        assert_eq!(
            found.iter().map(|(.., extent, _)| *extent).collect::<Vec<_>>(),
            extents
        );
        let kinds: Vec<_> = table
            .config
            .partitions
            .iter()
            .map(|partition| partition.kind.gpt().unwrap().gpt_bytes())
            .collect();
        assert_eq!(found.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), kinds);
        assert_eq!(kinds[0][..4], [0x28, 0x73, 0x2a, 0xc1]);
        let guids: Vec<_> = table.guids.iter().map(|guid| guid.gpt_bytes()).collect();
        assert_eq!(found.iter().map(|(_, guid, ..)| *guid).collect::<Vec<_>>(), guids);
        let names: Vec<&str> = found.iter().map(|(.., name)| name.as_str()).collect();
        assert_eq!(
            names,
            ["ESP", "\u{e4} name that is longer than thirty-si", "root"]
        );
        // Lengths are whole MiB, and what is free is the disk without two of them.
        let mib: Vec<_> = extents
            .iter()
            .map(|extent| (extent.start / MIB, extent.length / MIB))
            .collect();
        assert_eq!(mib, [(1, 10), (11, 1), (12, 50)]);
    }
}

#[test]
fn no_partition_lies_on_the_table_of_a_gpt() {
    for (disk, first) in [("", 20 << 10), (", block_size: 4096", 24 << 10)] {
        let layout = format!(
            "[{{local_loop: {{name: d{disk}}}}}, {{partitioning: {{base: d, label: gpt, align: 4KiB, partitions: \
             [{{name: root, size: 100%, mkfs: {{mount: {{mount_point: /}}}}}}]}}}}]"
        );
        let layout = BlockDeviceConfig::parse(&layout, "test").unwrap();
        let spec = DiskSpec::new(layout, &RootFileSystem::default(), ImageSize::Fitting, Some(7)).unwrap();
        let extents = lay_out(&spec.table.unwrap(), 8 * MIB).unwrap();
        assert_eq!(extents[0].start, first);
    }
}

#[test]
fn a_disk_without_room_is_refused() {
    for (label, partitions, size, named) in [
        ("mbr", "{name: a, size: 10MiB, flags: [primary]}", 9, "a"),
        ("mbr", "{name: a, size: 10MiB, flags: [primary]}", 12, "root"),
        ("gpt", "{name: a, size: 10MiB}", 11, "a"),
        ("gpt", "{name: a, size: 10MiB}", 12, "root"),
        ("gpt", "{name: a, size: 8000000TiB}", 12, "a"),
        ("mbr", "{name: a, size: 8000000TiB}", 12, "a"),
        ("gpt", "{name: a, size: 1KiB}", 64, "a"),
    ] {
        let no_room = lay_out(&table("", label, partitions), size * MIB).unwrap_err();
        assert_eq!(no_room.partition, named, "{label} {partitions} {size}");
    }
}
