//! Extracts an archive into a directory and prints the seconds it took: `extract ARCHIVE DIRECTORY`.

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use camino::Utf8PathBuf;
use dib_archive::ArchiveFormat;
use dib_sys::TargetRoot;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(archive), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: extract ARCHIVE DIRECTORY".into());
    };
    let start = Instant::now();
    let mut file = File::open(&archive)?;
    let format = ArchiveFormat::detect(&mut file)?;
    let target = TargetRoot::open(&Utf8PathBuf::from(directory))?;
    dib_archive::extract(&file, format, &target, &|_| {})?;
    #[expect(clippy::print_stdout, reason = "the time is this program's output")]
    {
        println!("{:.3}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
