use proptest::prelude::*;

use super::*;

fn compressed(offset: u64) -> IndexedCluster {
    IndexedCluster::Compressed {
        offset,
        length: 5,
        digest: [7; 32],
    }
}

fn index() -> ClusterIndex {
    let clusters = [
        ([9; 32], compressed(1 << 40)),
        ([1; 32], IndexedCluster::Incompressible),
        ([3; 32], compressed(70_000)),
        ([9; 32], compressed(1)),
    ];
    ClusterIndex::new("zlib 1 in 65536".to_owned(), clusters)
}

/// Gives altered bytes the checksum that belongs to them.
fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    let checksum = digest_of(&content);
    content.extend(checksum);
    content
}

#[test]
fn the_first_of_a_content_is_found() {
    let index = index();
    assert_eq!((index.key(), index.clusters()), ("zlib 1 in 65536", 3));
    assert_eq!(index.find(&[9; 32]), Some(&compressed(1 << 40)));
    assert_eq!(index.find(&[1; 32]), Some(&IndexedCluster::Incompressible));
    assert_eq!(index.find(&[2; 32]), None);
}

#[test]
fn an_index_comes_back() {
    for index in [index(), ClusterIndex::new(String::new(), [])] {
        let bytes = index.to_bytes();
        assert_eq!(
            bytes.len(),
            8 + 8 + index.key.len() + 8 + index.clusters() * 76 + 32
        );
        assert_eq!(ClusterIndex::from_bytes(&bytes).unwrap(), index);
    }
}

#[test]
fn every_damaged_byte_and_every_missing_end_is_noticed() {
    let bytes = index().to_bytes();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(ClusterIndex::from_bytes(&damaged).is_err(), "byte {at}");
        assert!(ClusterIndex::from_bytes(&bytes[..at]).is_err(), "{at} bytes");
    }
}

#[test]
fn malformed_bytes_with_their_checksum_are_refused() {
    let check = |content: Vec<u8>, expected: &str| {
        let error = ClusterIndex::from_bytes(&sealed(content)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let bytes = index().to_bytes();
    let content = &bytes[..bytes.len() - 32];
    let first = content.len() - 3 * ENTRY;
    let mut swapped = content[..first].to_vec();
    swapped.extend(&content[first + ENTRY..]);
    swapped.extend(&content[first..first + ENTRY]);
    check(swapped, "it is malformed: its clusters are not in order");
    let mut large = content.to_vec();
    large[first + 40..first + 44].copy_from_slice(&LARGEST.to_le_bytes());
    check(
        large,
        "it is malformed: its clusters are larger than there are any",
    );
    let mut no_text = content.to_vec();
    no_text[16] = 0xff;
    check(no_text, "it is malformed: its key is no text");
    let wrong_number = "it is malformed: its length is not that of its clusters";
    check(content[..content.len() - 1].to_vec(), wrong_number);
    check(content[..content.len() - ENTRY].to_vec(), wrong_number);
    check(
        content[..first - 1].to_vec(),
        "it is malformed: its end comes too early",
    );
    check(MAGIC.to_vec(), "it is malformed: its end comes too early");
    let mut other = content.to_vec();
    other[7] += 1;
    check(
        other,
        "it does not begin as an index of clusters of this version does",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_an_index_or_none(after in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = sealed([MAGIC.as_slice(), &after].concat());
        if let Ok(index) = ClusterIndex::from_bytes(&bytes) {
            prop_assert_eq!(index.key().len() + index.clusters() * ENTRY + 16, after.len());
        }
    }
}
