use flate2::{Decompress, FlushDecompress, Status};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

/// Inflates with a window of 4 KiB: in steps so small that what is farther away is gone.
fn inflate(mut deflated: &[u8]) -> Vec<u8> {
    let mut inflate = Decompress::new_with_window_bits(false, 12);
    let mut out = Vec::new();
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let mut step = [0; 500];
        let status = inflate
            .decompress(deflated, &mut step, FlushDecompress::None)
            .unwrap();
        out.extend(&step[..usize::try_from(inflate.total_out() - written).unwrap()]);
        deflated = &deflated[usize::try_from(inflate.total_in() - read).unwrap()..];
        if status == Status::StreamEnd {
            assert!(deflated.is_empty(), "bytes behind the end");
            return out;
        }
    }
}

fn check(encoder: &mut Encoder, data: &[u8]) -> usize {
    let deflated = encoder.deflate(data);
    assert!(
        inflate(deflated) == data,
        "{} bytes come back as others",
        data.len()
    );
    deflated.len()
}

/// Numbers that look random, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn text(length: usize) -> Vec<u8> {
    let words: Vec<u8> = (0..)
        .flat_map(|number: u32| {
            format!("{} is the square of {number}.\n", number.wrapping_mul(number)).into_bytes()
        })
        .take(length)
        .collect();
    words
}

#[test]
fn short_pieces_come_back() {
    let mut encoder = Encoder::new();
    for length in 0..40 {
        for data in [vec![7; length], noise(length), text(length)] {
            check(&mut encoder, &data);
        }
    }
}

#[test]
fn what_repeats_takes_little() {
    let mut encoder = Encoder::new();
    assert!(check(&mut encoder, &vec![0; 1 << 16]) < 120);
    assert!(check(&mut encoder, &text(1 << 16)) < 20_000);
    // It repeats within the window's full length, and beyond.
    let at = |distance: usize| noise(distance).repeat((1 << 16) / distance);
    assert!(check(&mut encoder, &at(matches::WINDOW)) < 6_000);
    assert!(check(&mut encoder, &at(matches::WINDOW * 2)) > 60_000);
}

#[test]
fn noise_hardly_grows() {
    assert!(check(&mut Encoder::new(), &noise(1 << 16)) < (1 << 16) + 200);
}

#[test]
fn pieces_longer_than_places_can_count_come_back() {
    let mut encoder = Encoder::new();
    for length in [65_530, 65_536, 65_540, 98_300, 98_310, 1 << 21] {
        check(&mut encoder, &text(length));
        let mut mixed = noise(length / 3);
        mixed.extend(text(length - length / 3));
        check(&mut encoder, &mixed);
    }
}

#[test]
fn a_piece_does_not_depend_on_those_before() {
    let mut encoder = Encoder::new();
    let first = encoder.deflate(&text(100_000)).to_owned();
    encoder.deflate(&noise(70_000));
    assert!(encoder.deflate(&text(100_000)) == first);
}

#[test]
fn it_is_no_larger_than_zlibs() {
    let data = text(1 << 16);
    let mut zlib = flate2::Compress::new_with_window_bits(flate2::Compression::new(6), false, 12);
    let mut out = vec![0; 1 << 17];
    zlib.compress(&data, &mut out, flate2::FlushCompress::Finish)
        .unwrap();
    let zlib = usize::try_from(zlib.total_out()).unwrap();
    let own = check(&mut Encoder::new(), &data);
    assert!(own <= zlib, "{own} bytes, zlib has {zlib}");
}

#[derive(Debug, Clone)]
enum Part {
    Noise(usize),
    Run(u8, usize),
    /// From so far back, for so long.
    Copy(usize, usize),
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        (0_usize..3000).prop_map(Part::Noise),
        (any::<u8>(), 0_usize..2000).prop_map(|(byte, length)| Part::Run(byte, length)),
        (1_usize..5000, 0_usize..600).prop_map(|(back, length)| Part::Copy(back, length)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_piece_comes_back(parts in prop::collection::vec(part(), 0..60)) {
        let mut data: Vec<u8> = Vec::new();
        for part in parts {
            match part {
                Part::Noise(length) => data.extend(noise(length)),
                Part::Run(byte, length) => data.resize(data.len() + length, byte),
                Part::Copy(back, length) => for _ in 0..length {
                    data.push(data.len().checked_sub(back).map_or(0, |at| data[at]));
                },
            }
        }
        check(&mut Encoder::new(), &data);
    }
}

#[test]
fn the_version_is_that_of_what_comes_out() {
    // Where this fails, the same data becomes other bytes than before: raise the version along with the digest.
    let mut mixed = text(30_000);
    mixed.extend(noise(5_000));
    mixed.extend((0..30_000_u32).flat_map(u32::to_be_bytes));
    mixed.extend([0; 3_000]);
    let mut encoder = Encoder::new();
    let mut digest = Sha256::new();
    for data in [mixed, text(1 << 16), noise(1 << 16), Vec::new()] {
        digest.update(encoder.deflate(&data));
    }
    let digest: [u8; 32] = digest.finalize().into();
    let begin = u64::from_be_bytes(*digest.first_chunk().unwrap());
    assert_eq!(
        (VERSION, format!("{begin:016x}").as_str()),
        (1, "8c26c68a622d50cc")
    );
}
