//! Parts of files that share their blocks with another file, until one of the two is written to.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;

/// Makes `length` bytes of the file `from` part of the file `to`, at the cost of no data: both have the same blocks, and who
/// writes to one of them gets blocks of its own.
///
/// Offsets and length are in bytes; most file systems want multiples of 4096. What is to be cloned of `from` is written to
/// the disk before, which takes its time where it was made just now.
///
/// Source: `ioctl_ficlonerange(2)`.
///
/// # Errors
/// When the file system can't, when the files are on two, when the numbers are not multiples of its block size, and when the
/// disk is full. `to` may have got some of it then.
pub fn clone_range(
    from: impl AsFd,
    from_offset: u64,
    length: u64,
    to: impl AsFd,
    to_offset: u64,
) -> io::Result<()> {
    if length == 0 {
        // The kernel takes this for all that there is.
        return Ok(());
    }
    let range = libc::file_clone_range {
        src_fd: i64::from(from.as_fd().as_raw_fd()),
        src_offset: from_offset,
        src_length: length,
        dest_offset: to_offset,
    };
    // SAFETY: the structure is the one that the request reads, and lives through the call, as do both files.
    let result = unsafe { libc::ioctl(to.as_fd().as_raw_fd(), libc::FICLONERANGE, &raw const range) };
    Errno::result(result)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;

    use super::clone_range;

    /// Whether the file system of temporary files can or not, nothing but the range changes.
    #[test]
    fn a_range_is_cloned_or_left() {
        let from = tempfile::tempfile().unwrap();
        from.write_all_at(&[1; 3 * 4096], 0).unwrap();
        let to = tempfile::tempfile().unwrap();
        to.set_len(4 * 4096).unwrap();
        let cloned = clone_range(&from, 4096, 2 * 4096, &to, 4096);
        let mut bytes = vec![0; 4 * 4096];
        to.read_exact_at(&mut bytes, 0).unwrap();
        match cloned {
            Ok(()) => {
                let expected = [vec![0; 4096], vec![1; 2 * 4096], vec![0; 4096]].concat();
                assert!(bytes == expected);
                to.write_all_at(&[2], 4096).unwrap();
                from.read_exact_at(&mut bytes[..1], 4096).unwrap();
                assert_eq!(bytes[0], 1, "the two files are one");
            }
            Err(_) => assert!(bytes.iter().all(|byte| *byte == 0)),
        }
        assert_eq!(to.metadata().unwrap().len(), 4 * 4096);
    }

    #[test]
    fn no_bytes_are_no_file() {
        let from = tempfile::tempfile().unwrap();
        from.write_all_at(&[1; 4096], 0).unwrap();
        let to = tempfile::tempfile().unwrap();
        clone_range(&from, 0, 0, &to, 0).unwrap();
        assert_eq!(to.metadata().unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_file_is_an_error() {
        let from = File::open("/dev/null").unwrap();
        let to = tempfile::tempfile().unwrap();
        let error = clone_range(&from, 0, 4096, &to, 0).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::NotFound);
    }
}
