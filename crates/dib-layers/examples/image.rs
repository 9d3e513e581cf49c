//! Keeps a file as an image, takes it out again and prints the seconds each took: `image STORE FILE INTO`.

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use camino::Utf8PathBuf;
use dib_layers::{LayerKey, LayerStore};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(Utf8PathBuf::from);
    let (Some(store), Some(file), Some(into)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: image STORE FILE INTO".into());
    };
    let images = LayerStore::open(&store, u64::MAX)?.images();
    let key = LayerKey::from([0; 32]);

    let start = Instant::now();
    let file = File::open(file)?;
    let size = images
        .write(&key, "example", &[("file", &file)], &serde_json::Value::Null)?
        .size();
    let write = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let image = images.find(&key)?.ok_or("the image is gone")?;
    let find = start.elapsed().as_secs_f64();
    image.verify()?;
    let verify = start.elapsed().as_secs_f64() - find;
    let start = Instant::now();
    image.take("file", &File::create(into)?)?;
    let take = start.elapsed().as_secs_f64();
    #[expect(clippy::print_stdout, reason = "the times are this program's output")]
    {
        println!("{size} bytes");
        println!("write {write:.3}  find {find:.4}  verify {verify:.3}  take {take:.3}");
    }
    Ok(())
}
