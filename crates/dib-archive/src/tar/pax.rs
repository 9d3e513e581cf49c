//! PAX extended headers: records of the form `LENGTH KEY=VALUE\n`.

use crate::entry_name::lossy;
use crate::tree::{ExtendedAttribute, ModificationTime};

/// What extended headers say of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<ModificationTime>,
    pub(super) extended: Vec<ExtendedAttribute>,
    /// Keys of access lists and labels in a notation that the kernel doesn't take.
    pub(super) unsupported: Vec<String>,
    pub(super) sparse: Option<PaxSparse>,
}

/// What GNU's sparse files say in extended headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PaxSparse {
    /// Major and minor number of the format.
    pub(super) version: (Option<u64>, Option<u64>),
    pub(super) name: Option<Vec<u8>>,
    pub(super) real_size: Option<u64>,
}

impl Pax {
    /// Takes the records of one extended header in.
    pub(super) fn merge(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let (key, value, rest) =
                split_record(bytes).ok_or("an extended header has a malformed record")?;
            self.set(key, value)
                .ok_or_else(|| format!("its extended header has no valid {}", lossy(key)))?;
            bytes = rest;
        }
        Ok(())
    }

    /// Sets one value; an empty one takes an earlier one back. `None` when it is not valid.
    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let bytes = || (!value.is_empty()).then(|| value.to_vec());
        let number = || {
            if value.is_empty() {
                Some(None)
            } else {
                parse_number(value).map(Some)
            }
        };
        match key {
            b"path" => self.path = bytes(),
            b"linkpath" => self.link_path = bytes(),
            b"size" => self.size = number()?,
            b"uid" => self.uid = number()?,
            b"gid" => self.gid = number()?,
            b"mtime" => {
                self.mtime = if value.is_empty() {
                    None
                } else {
                    Some(parse_time(value)?)
                }
            }
            b"GNU.sparse.major" => self.sparse().version.0 = number()?,
            b"GNU.sparse.minor" => self.sparse().version.1 = number()?,
            b"GNU.sparse.name" => self.sparse().name = bytes(),
            b"GNU.sparse.realsize" => self.sparse().real_size = number()?,
            _ => {
                if let Some(attribute) = key.strip_prefix(b"SCHILY.xattr.") {
                    let attribute = decode_attribute(attribute);
                    self.extended.retain(|(other, _)| *other != attribute);
                    self.extended.push((attribute, value.to_vec()));
                } else if key.starts_with(b"SCHILY.acl.") || key.starts_with(b"RHT.security.") {
                    self.unsupported.push(lossy(key));
                } else if key.starts_with(b"GNU.sparse.") {
                    // Formats 0.0 and 0.1, which the missing version gives away.
                    self.sparse();
                }
            }
        }
        Some(())
    }

    fn sparse(&mut self) -> &mut PaxSparse {
        self.sparse.get_or_insert_default()
    }
}

/// Splits the first record off: its key, its value and what follows. The length counts all bytes of the record.
fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(parse_number(&bytes[..space])?).ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &bytes[length..]))
}

pub(super) fn parse_number(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Parses seconds since 1970 with an optional sign and decimals, of which nine count.
fn parse_time(text: &[u8]) -> Option<ModificationTime> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let seconds = i64::try_from(parse_number(parts.next()?)?).ok()?;
    let decimals = parts.next().unwrap_or_default();
    if !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanoseconds = (0..9).fold(0, |sum, index| {
        sum * 10 + u32::from(decimals.get(index).map_or(0, |digit| digit - b'0'))
    });
    Some(match (negative, nanoseconds) {
        (false, _) => ModificationTime { seconds, nanoseconds },
        (true, 0) => ModificationTime {
            seconds: -seconds,
            nanoseconds,
        },
        (true, _) => ModificationTime {
            seconds: -seconds - 1,
            nanoseconds: 1_000_000_000 - nanoseconds,
        },
    })
}

/// Undoes what GNU tar does to `=` and `%` in an attribute's name.
fn decode_attribute(name: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match rest {
            [b'%', b'3', b'D', after @ ..] => (b'=', after),
            [b'%', b'2', b'5', after @ ..] => (b'%', after),
            _ => (*first, after),
        };
        decoded.push(byte);
        rest = after;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(bytes: &[u8]) -> Result<Pax, String> {
        let mut pax = Pax::default();
        pax.merge(bytes).map(|()| pax)
    }

    #[test]
    fn reads_binary_values() {
        let pax = parsed(b"31 SCHILY.xattr.user.a=\n\0=\nb\xff\n\n10 path=x\n").unwrap();
        assert_eq!(pax.extended, [(b"user.a".to_vec(), b"\n\0=\nb\xff\n".to_vec())]);
        assert_eq!(pax.path.as_deref(), Some(b"x".as_slice()));
        let pax = parsed(b"30 SCHILY.xattr.user.%3D%25=1\n").unwrap();
        assert_eq!(pax.extended, [(b"user.=%".to_vec(), b"1".to_vec())]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_panic(bytes: Vec<u8>) {
            let _ = parsed(&bytes);
        }

        #[test]
        fn attributes_come_out_as_they_went_in(values: Vec<Vec<u8>>) {
            let mut header = Vec::new();
            let mut expected = Vec::new();
            for (index, value) in values.into_iter().enumerate() {
                let rest = format!(" SCHILY.xattr.user.{index}=");
                // Five digits, whatever the length: leading zeros do no harm.
                let length = 5 + rest.len() + value.len() + 1;
                header.extend(format!("{length:05}{rest}").into_bytes());
                header.extend(&value);
                header.push(b'\n');
                expected.push((format!("user.{index}").into_bytes(), value));
            }
            prop_assert_eq!(parsed(&header).unwrap().extended, expected);
        }
    }

    #[test]
    fn later_records_win_and_empty_ones_take_back() {
        let pax = parsed(b"10 path=x\n10 path=y\n11 uid=100\n7 uid=\n").unwrap();
        assert_eq!((pax.path, pax.uid), (Some(b"y".to_vec()), None));
    }

    #[test]
    fn refuses_malformed_records() {
        for bytes in [
            &b"x"[..],
            b"9 path=x",
            b"99 path=x\n",
            b"0 path=x\n",
            b"-3 path=x\n",
            b"9 path=x\n\n\n",
            b"99999999999999999999 path=x\n",
            b"7 pathx\n",
            b"13 size=12x4\n",
            b"11 mtime=.\n",
        ] {
            parsed(bytes).unwrap_err();
        }
    }

    #[test]
    fn times() {
        let check = |text: &[u8], seconds, nanoseconds| {
            assert_eq!(parse_time(text), Some(ModificationTime { seconds, nanoseconds }));
        };
        check(b"1350244992", 1_350_244_992, 0);
        check(b"1350244992.023960108", 1_350_244_992, 23_960_108);
        check(b"1.5", 1, 500_000_000);
        check(b"-1.25", -2, 750_000_000);
        check(b"-3", -3, 0);
        check(b"7.1234567899", 7, 123_456_789);
        assert_eq!(parse_time(b"1.x"), None);
        assert_eq!(parse_time(b"99999999999999999999"), None);
    }
}
