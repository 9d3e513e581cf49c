//! The program that builds: its hooks are as new as it is.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use sha2::{Digest as _, Sha256};

use super::chain::{self, Digest};

/// The file that says which digest a program's file had, and what it was like then.
const NOTE: &str = "program";

/// Returns the digest of the program's file. It is a large one, so what it was is noted in `directory`, and holds until the file
/// is another one or changes in any way that its times or size tell.
pub(super) fn digest_of(program: &Utf8Path, directory: &Utf8Path) -> io::Result<Digest> {
    let file = File::open(program)?;
    let metadata = file.metadata()?;
    let state = format!(
        "{} {} {} {}.{} {}.{}",
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec()
    );
    let note = directory.join(NOTE);
    let noted = fs::read_to_string(&note).unwrap_or_default();
    let digest = noted
        .strip_prefix(&state)
        .and_then(|rest| rest.strip_prefix(" is "))
        .and_then(|digest| digest.trim_end().parse().ok());
    if let Some(digest) = digest {
        return Ok(digest);
    }
    let digest = digest_of_file(file)?;
    // Two programs may write it at once, and what is torn holds for neither. Without it the next build takes a moment longer.
    let _ = fs::create_dir_all(directory).and_then(|()| fs::write(note, format!("{state} is {digest}\n")));
    Ok(digest)
}

fn digest_of_file(mut file: File) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(chain::finished(hasher))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_holds_until_the_file_changes() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let program = path.join("dib");
        fs::write(&program, "one").unwrap();
        let one = digest_of(&program, path).unwrap();
        assert_eq!(digest_of(&program, path).unwrap(), one);
        fs::write(&program, "another").unwrap();
        let two = digest_of(&program, path).unwrap();
        assert_ne!(two, one);
        fs::write(path.join(NOTE), "torn").unwrap();
        assert_eq!(digest_of(&program, path).unwrap(), two);
        assert!(
            fs::read_to_string(path.join(NOTE))
                .unwrap()
                .contains(&two.to_string())
        );
    }
}
