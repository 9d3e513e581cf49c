//! Why a program did not start.
//!
//! The kernel says "no such file" of a program that is absent and of one whose interpreter is: the shell of a script's
//! first line, or the dynamic loader of an ELF file (`execve(2)`).

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use nix::errno::Errno;

use super::CommandError;

/// The search path where the environment has none, as glibc has it.
const DEFAULT_PATH: &str = "/bin:/usr/bin";
/// The longest first line of a script the kernel reads.
const LONGEST_FIRST_LINE: u64 = 256;
/// The longest path of a dynamic loader that is believed.
const LONGEST_LOADER: u64 = 4096;
/// The type of the program header that names the dynamic loader (`elf(5)`).
const PT_INTERP: u32 = 3;

/// Where a program was looked for.
pub(super) struct Search<'a> {
    pub(super) place: &'static str,
    pub(super) working_directory: &'a str,
    /// The value of `PATH`.
    pub(super) path: Option<&'a str>,
    /// Opens a file by its absolute path, as the command would see it.
    pub(super) open: &'a dyn Fn(&str) -> Result<File, Errno>,
}

impl Search<'_> {
    /// Makes the error for a program that did not start.
    pub(super) fn explain(&self, program: &str, source: io::Error) -> CommandError {
        let program = program.to_owned();
        if source.kind() != ErrorKind::NotFound {
            return CommandError::Start {
                program,
                place: self.place,
                source,
            };
        }
        let Some(mut file) = self.find(&program) else {
            return CommandError::NoProgram {
                program,
                place: self.place,
            };
        };
        match interpreter(&mut file) {
            Some(interpreter) if (self.open)(&interpreter).is_err() => CommandError::NoInterpreter {
                program,
                place: self.place,
                interpreter,
            },
            _ => CommandError::Start {
                program,
                place: self.place,
                source,
            },
        }
    }

    fn find(&self, program: &str) -> Option<File> {
        if program.starts_with('/') {
            return (self.open)(program).ok();
        }
        if program.contains('/') {
            return (self.open)(&format!("{}/{program}", self.working_directory)).ok();
        }
        let mut directories = self.path.unwrap_or(DEFAULT_PATH).split(':');
        directories.find_map(|directory| (self.open)(&format!("{directory}/{program}")).ok())
    }
}

/// Finds what a program needs to be started.
fn interpreter(file: &mut File) -> Option<String> {
    let mut start = Vec::new();
    file.take(LONGEST_FIRST_LINE).read_to_end(&mut start).ok()?;
    if let Some(line) = start.strip_prefix(b"#!") {
        let line = line.split(|&byte| byte == b'\n').next()?;
        let line = String::from_utf8_lossy(line);
        return line.split_ascii_whitespace().next().map(str::to_owned);
    }
    if start.starts_with(b"\x7fELF") {
        loader(file, &start)
    } else {
        None
    }
}

/// Reads the path of the dynamic loader from an ELF file's program headers (`elf(5)`).
fn loader(file: &mut File, header: &[u8]) -> Option<String> {
    let wide = *header.get(4)? == 2;
    let big_endian = *header.get(5)? == 2;
    // Reads a number of `length` bytes.
    let number = |bytes: &[u8], offset: usize, length: usize| -> Option<u64> {
        let mut field = bytes.get(offset..offset.checked_add(length)?)?.to_vec();
        if !big_endian {
            field.reverse();
        }
        Some(field.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    };
    let (table, entry_size, count) = if wide {
        (
            number(header, 0x20, 8)?,
            number(header, 0x36, 2)?,
            number(header, 0x38, 2)?,
        )
    } else {
        (
            number(header, 0x1c, 4)?,
            number(header, 0x2a, 2)?,
            number(header, 0x2c, 2)?,
        )
    };
    for index in 0..count {
        let entry = read_at(file, table.checked_add(index * entry_size)?, entry_size)?;
        if number(&entry, 0, 4)? != u64::from(PT_INTERP) {
            continue;
        }
        let (offset, size) = if wide {
            (number(&entry, 0x08, 8)?, number(&entry, 0x20, 8)?)
        } else {
            (number(&entry, 0x04, 4)?, number(&entry, 0x10, 4)?)
        };
        let path = read_at(file, offset, size.min(LONGEST_LOADER))?;
        let path = path.split(|&byte| byte == 0).next()?;
        return Some(String::from_utf8_lossy(path).into_owned());
    }
    None
}

fn read_at(file: &mut File, offset: u64, length: u64) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(contents: &[u8], expected: Option<&str>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(contents).unwrap();
        file.rewind().unwrap();
        assert_eq!(interpreter(&mut file).as_deref(), expected);
    }

    #[test]
    fn reads_the_first_line_of_a_script() {
        check(b"#!/bin/sh\necho\n", Some("/bin/sh"));
        check(b"#! /usr/bin/env python3", Some("/usr/bin/env"));
        check(b"#!\n", None);
        check(b"echo\n", None);
        check(b"", None);
    }

    #[test]
    fn reads_the_loader_of_an_elf_file() {
        let mut elf = vec![0; 0x40];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[0x20] = 0x40;
        elf[0x36] = 0x38;
        elf[0x38] = 1;
        let mut entry = vec![0; 0x38];
        entry[0] = 3;
        entry[0x08] = 0x78;
        entry[0x20] = 9;
        elf.extend(entry);
        elf.extend(b"/lib/ld.\0");
        check(&elf, Some("/lib/ld."));
        check(&elf[..0x50], None);
        check(b"\x7fELF", None);
    }

    #[test]
    fn finds_the_loader_of_this_test() {
        let mut file = File::open("/proc/self/exe").unwrap();
        if let Some(loader) = interpreter(&mut file) {
            assert!(std::path::Path::new(&loader).exists());
        }
    }
}
