//! The entries of a FAT's directories: names, long and short, and times.
//!
//! Source: Microsoft's "FAT32 File System Specification" 1.03.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) const VOLUME_LABEL: u8 = 0x08;
pub(super) const DIRECTORY: u8 = 0x10;
pub(super) const FILE: u8 = 0x20;
/// Of the entries that hold parts of a long name.
const LONG_NAME: u8 = 0x0f;
/// How many units of UTF-16 such an entry holds, and how many a name may have.
const UNITS: usize = 13;
const MOST_UNITS: usize = 255;

/// A name as its directory holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Eight characters and three, padded with blanks.
    pub(super) short: [u8; 11],
    /// The name in UTF-16, when the short one is not the whole of it.
    long: Option<Vec<u16>>,
}

/// What an entry says of a file beside its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) attributes: u8,
    /// In seconds since 1970.
    pub(super) time: i64,
    /// 0 for an empty file, and for the root directory.
    pub(super) first_cluster: u64,
    /// In bytes, 0 for a directory.
    pub(super) size: u32,
}

impl Name {
    /// Returns how many entries it takes.
    pub(super) fn entries(&self) -> u64 {
        let long = self.long.as_ref().map_or(0, |units| units.len().div_ceil(UNITS));
        1 + u64::try_from(long).expect("at most 20")
    }

    /// Returns its entries, the last of which is the short name's.
    pub(super) fn bytes(&self, facts: Facts) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(units) = &self.long {
            let checksum = checksum(&self.short);
            let parts: Vec<&[u16]> = units.chunks(UNITS).collect();
            for (index, part) in parts.iter().enumerate().rev() {
                let is_last = index + 1 == parts.len();
                bytes.extend(long_entry(index, part, is_last, checksum));
            }
        }
        bytes.extend(short_entry(&self.short, facts));
        bytes
    }
}

fn long_entry(index: usize, part: &[u16], is_last: bool, checksum: u8) -> [u8; 32] {
    let mut units = [0xffff; UNITS];
    units[..part.len()].copy_from_slice(part);
    if let Some(end) = units.get_mut(part.len()) {
        *end = 0;
    }
    let mut entry = [0; 32];
    let number = u8::try_from(index + 1).expect("at most 20");
    entry[0] = if is_last { number | 0x40 } else { number };
    entry[11] = LONG_NAME;
    entry[13] = checksum;
    let places = (1..11)
        .step_by(2)
        .chain((14..26).step_by(2))
        .chain((28..32).step_by(2));
    for (unit, place) in units.into_iter().zip(places) {
        entry[place..place + 2].copy_from_slice(&unit.to_le_bytes());
    }
    entry
}

/// Returns the entry of a short name.
pub(super) fn short_entry(name: &[u8; 11], facts: Facts) -> [u8; 32] {
    let (date, time) = date_and_time(facts.time);
    let cluster = u32::try_from(facts.first_cluster)
        .expect("clusters are numbered by 28 bits")
        .to_le_bytes();
    let mut entry = [0; 32];
    entry[..11].copy_from_slice(name);
    entry[11] = facts.attributes;
    entry[14..16].copy_from_slice(&time);
    entry[16..18].copy_from_slice(&date);
    entry[18..20].copy_from_slice(&date);
    entry[20..22].copy_from_slice(&cluster[2..]);
    entry[22..24].copy_from_slice(&time);
    entry[24..26].copy_from_slice(&date);
    entry[26..28].copy_from_slice(&cluster[..2]);
    entry[28..].copy_from_slice(&facts.size.to_le_bytes());
    entry
}

/// Ties the parts of a long name to the short one.
fn checksum(short: &[u8; 11]) -> u8 {
    short
        .iter()
        .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// Returns date and time in UTC as a FAT has them, the nearest that it knows.
fn date_and_time(seconds: i64) -> ([u8; 2], [u8; 2]) {
    let time = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH));
    let number = |number: i8| u16::from(number.unsigned_abs());
    match u16::try_from(time.year()).unwrap_or_default().checked_sub(1980) {
        Some(year @ 0..=127) => {
            let date = year << 9 | number(time.month()) << 5 | number(time.day());
            let time = number(time.hour()) << 11 | number(time.minute()) << 5 | (number(time.second()) / 2);
            (date.to_le_bytes(), time.to_le_bytes())
        }
        Some(_) => (0xff9f_u16.to_le_bytes(), 0xbf7d_u16.to_le_bytes()),
        None => (0x0021_u16.to_le_bytes(), [0; 2]),
    }
}

/// Gives the files of one directory their names.
#[derive(Debug, Default)]
pub(super) struct Namer {
    short: HashSet<[u8; 11]>,
    /// In upper case: a FAT tells names apart by more than case.
    long: HashSet<String>,
}

impl Namer {
    /// Returns a name as the directory holds it, or `None` when no FAT can hold it, or not beside those before it.
    pub(super) fn name(&mut self, name: &str) -> Option<Name> {
        let units: Vec<u16> = name.encode_utf16().collect();
        let is_allowed = |character: char| !character.is_control() && !"\"*/:<>?\\|".contains(character);
        let is_plain = name.chars().all(is_allowed) && !name.ends_with(['.', ' ']) && !name.is_empty();
        if !is_plain || units.len() > MOST_UNITS || !self.long.insert(name.to_uppercase()) {
            return None;
        }
        let (short, is_whole) = shortened(name);
        let is_same = is_whole && name == name.to_uppercase();
        let short = self.unused(short, is_whole)?;
        Some(Name {
            short,
            long: (!is_same).then_some(units),
        })
    }

    /// Returns a short name, with a number where it is not the whole name or taken already.
    fn unused(&mut self, short: [u8; 11], is_whole: bool) -> Option<[u8; 11]> {
        if is_whole && self.short.insert(short) {
            return Some(short);
        }
        let length = short[..8].iter().position(|byte| *byte == b' ').unwrap_or(8);
        (1..1_000_000).find_map(|number| {
            let tail = format!("~{number}");
            let mut numbered = short;
            let at = length.min(8 - tail.len());
            numbered[at..8].fill(b' ');
            numbered[at..at + tail.len()].copy_from_slice(tail.as_bytes());
            self.short.insert(numbered).then_some(numbered)
        })
    }
}

/// Returns the short form of a name, and whether it says the whole of it but for case.
fn shortened(name: &str) -> ([u8; 11], bool) {
    let (stem, extension) = match name.rfind('.') {
        Some(at) if at > 0 => (&name[..at], &name[at + 1..]),
        _ => (name, ""),
    };
    let mut short = [b' '; 11];
    let mut is_whole = true;
    for (part, room) in [(stem, 0..8), (extension, 8..11)] {
        let mut room = room;
        for character in part.chars() {
            if matches!(character, ' ' | '.') {
                is_whole = false;
                continue;
            }
            let is_kept = character.is_ascii_alphanumeric() || "$%'-_@~`!(){}^#&".contains(character);
            is_whole &= is_kept;
            let Some(at) = room.next() else {
                is_whole = false;
                break;
            };
            let kept = if is_kept {
                character.to_ascii_uppercase()
            } else {
                '_'
            };
            short[at] = u8::try_from(kept).unwrap_or(b'_');
        }
    }
    (short, is_whole && short[0] != b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_unique() {
        let mut namer = Namer::default();
        for (name, short, is_long) in [
            ("BOOTX64.EFI", b"BOOTX64 EFI", false),
            ("EFI", b"EFI        ", false),
            ("grub.cfg", b"GRUB    CFG", true),
            ("a long name.cfg", b"ALONGN~1CFG", true),
            ("a long name too.cfg", b"ALONGN~2CFG", true),
            (".hidden", b"HIDDEN~1   ", true),
            ("grub.cfg.d", b"GRUBCF~1D  ", true),
            ("\u{e4}.x", b"_~1     X  ", true),
            ("initrd.img-6", b"INITRD~1IMG", true),
        ] {
            let made = namer.name(name).unwrap();
            assert_eq!((&made.short, made.long.is_some()), (short, is_long), "{name}");
        }
    }

    #[test]
    fn some_names_are_none() {
        let mut namer = Namer::default();
        assert!(namer.name("Name").is_some());
        let too_long = "x".repeat(256);
        for name in ["NAME", "a:b", "a?", "dot.", "", "tab\t", &too_long] {
            assert_eq!(namer.name(name), None, "{name}");
        }
        assert_eq!(namer.name(&"x".repeat(255)).unwrap().entries(), 21);
    }

    #[test]
    fn times_are_the_nearest_there_are() {
        let number = |seconds| {
            let (date, time) = date_and_time(seconds);
            (u16::from_le_bytes(date), u16::from_le_bytes(time))
        };
        assert_eq!(number(0), (0x0021, 0));
        assert_eq!(number(1_700_000_000), (0x576e, 0xb1aa));
        assert_eq!(number(i64::from(u32::MAX) * 2), (0xff9f, 0xbf7d));
    }
}
