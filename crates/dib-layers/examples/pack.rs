//! Packs a directory, restores it into another one and prints the seconds each took: `pack STORE DIRECTORY INTO`.

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use camino::Utf8PathBuf;
use dib_layers::{LayerDescription, LayerKey, LayerStore};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(Utf8PathBuf::from);
    let (Some(store), Some(directory), Some(into)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: pack STORE DIRECTORY INTO".into());
    };
    let store = LayerStore::open(&store, u64::MAX)?;
    let key = LayerKey::from([0; 32]);

    let start = Instant::now();
    let written = store.write(&key, &File::open(directory)?, &LayerDescription::default())?;
    let write = start.elapsed().as_secs_f64();
    let (size, entries) = (written.size(), written.description().sizes.entries);
    drop(written);

    let start = Instant::now();
    let layer = store.find(&key)?.ok_or("the layer is gone")?;
    let find = start.elapsed().as_secs_f64();
    layer.verify()?;
    let verify = start.elapsed().as_secs_f64() - find;
    let start = Instant::now();
    layer.restore(&File::open(into)?)?;
    let restore = start.elapsed().as_secs_f64();
    #[expect(clippy::print_stdout, reason = "the times are this program's output")]
    {
        println!("{entries} entries, {size} bytes");
        println!("write {write:.3}  find {find:.4}  verify {verify:.3}  restore {restore:.3}");
    }
    Ok(())
}
