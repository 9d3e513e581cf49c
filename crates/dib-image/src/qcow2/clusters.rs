//! Reading and deflating guest clusters on all cores, in order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use flate2::{Compress, FlushCompress, Status};

use super::{CLUSTER, CLUSTER_LENGTH, Compression, Qcow2Error};

/// More than a cluster's deflated bytes ever are.
const DEFLATE_ROOM: usize = CLUSTER_LENGTH + CLUSTER_LENGTH / 4;
/// Guest clusters that a thread takes at once.
const BATCH: usize = 16;
/// Batches per thread that may be under way, which bounds the memory.
const AHEAD: usize = 4;
/// QEMU inflates with a window of 4 KiB (`inflateInit2` with -12), so distances must not be longer.
const WINDOW_BITS: u8 = 12;
/// Deflated bytes must save a sector at least, for less saves nothing.
const LARGEST_DEFLATED: usize = CLUSTER_LENGTH - 512;

/// A guest cluster that is not all zeros.
pub(super) enum Content {
    Stored(Vec<u8>),
    Deflated(Vec<u8>),
}

/// Some guest clusters in order.
pub(super) struct Batch {
    /// Each with its index; clusters of zeros are left out.
    pub(super) contents: Vec<(u64, Content)>,
    /// The bytes that have been read up to the end of this batch.
    pub(super) bytes_done: u64,
}

/// Calls `consume` with the guest clusters that hold data, in order.
pub(super) fn for_each(
    raw: &File,
    extents: &[Range<u64>],
    compression: Compression,
    mut consume: impl FnMut(Batch) -> Result<(), Qcow2Error>,
) -> Result<(), Qcow2Error> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (work, queue) = channel::<(u64, Range<u64>)>();
    let (finished, results) = channel();
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        // Moved in, so that whichever way this closure is left, the queue ends and the threads with it.
        let work = work;
        for _ in 0..threads {
            let (queue, finished) = (&queue, finished.clone());
            let builder = thread::Builder::new().name("qcow2".to_owned());
            let work_off = move || work_off(raw, compression, queue, &finished);
            builder
                .spawn_scoped(scope, work_off)
                .map_err(Qcow2Error::Thread)?;
        }
        drop(finished);
        let mut batches = (0..).zip(batches(extents));
        let mut early = BTreeMap::new();
        let (mut sent, mut next, mut bytes_done) = (0, 0, 0);
        loop {
            while sent - next < (threads * AHEAD) as u64 {
                let Some((number, batch)) = batches.next() else {
                    break;
                };
                // The threads end only when the queue does.
                let _ = work.send((number, batch));
                sent += 1;
            }
            if next == sent {
                return Ok(());
            }
            let (number, result) = results
                .recv()
                .expect("a thread works on each batch that was sent");
            early.insert(number, result);
            while let Some(result) = early.remove(&next) {
                let (contents, length): (Vec<_>, u64) = result.map_err(Qcow2Error::Read)?;
                bytes_done += length;
                consume(Batch { contents, bytes_done })?;
                next += 1;
            }
        }
    })
}

type Finished = io::Result<(Vec<(u64, Content)>, u64)>;

/// Cuts extents of bytes into ranges of cluster indices, each cluster once.
fn batches(extents: &[Range<u64>]) -> impl Iterator<Item = Range<u64>> {
    let mut done = 0;
    extents.iter().flat_map(move |extent| {
        let start = (extent.start / CLUSTER).max(done);
        let end = extent.end.div_ceil(CLUSTER).max(start);
        done = end;
        (start..end)
            .step_by(BATCH)
            .map(move |first| first..(first + BATCH as u64).min(end))
    })
}

fn work_off(
    raw: &File,
    compression: Compression,
    queue: &Mutex<Receiver<(u64, Range<u64>)>>,
    finished: &Sender<(u64, Finished)>,
) {
    let mut deflate = match compression {
        Compression::None => None,
        Compression::Zlib { level } => {
            let level = flate2::Compression::new(level.clamp(1, 9));
            Some(Compress::new_with_window_bits(level, false, WINDOW_BITS))
        }
    };
    loop {
        let received = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, clusters)) = received else { return };
        // A thread that ended without its result would be waited for forever.
        let read = AssertUnwindSafe(|| read_batch(raw, clusters, deflate.as_mut()));
        let result =
            catch_unwind(read).unwrap_or_else(|_| Err(io::Error::other("a compressing thread panicked")));
        if finished.send((number, result)).is_err() {
            return;
        }
    }
}

fn read_batch(raw: &File, clusters: Range<u64>, mut deflate: Option<&mut Compress>) -> Finished {
    let mut data =
        vec![0; usize::try_from((clusters.end - clusters.start) * CLUSTER).map_err(io::Error::other)?];
    // What the disk lacks of its last cluster stays zero.
    let length = read_at_most(raw, &mut data, clusters.start * CLUSTER)?;
    let zeros = vec![0; CLUSTER_LENGTH];
    let mut contents = Vec::new();
    for (index, cluster) in clusters.zip(data.chunks_exact(CLUSTER_LENGTH)) {
        if cluster == zeros.as_slice() {
            continue;
        }
        let deflated = match deflate.as_deref_mut() {
            None => None,
            Some(deflate) => deflated(deflate, cluster)?,
        };
        contents.push((
            index,
            deflated.map_or_else(|| Content::Stored(cluster.to_owned()), Content::Deflated),
        ));
    }
    Ok((contents, length as u64))
}

/// Deflates a cluster, or returns `None` when that saves nothing.
///
/// The room is for the worst case and never runs out: zlib-rs 0.6 panics or writes nonsense in some cases when it does.
fn deflated(deflate: &mut Compress, cluster: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut deflated = vec![0; DEFLATE_ROOM];
    deflate.reset();
    let status = deflate
        .compress(cluster, &mut deflated, FlushCompress::Finish)
        .map_err(io::Error::other)?;
    if status != Status::StreamEnd {
        return Err(io::Error::other("the compressor did not come to its end"));
    }
    let length = usize::try_from(deflate.total_out()).map_err(io::Error::other)?;
    Ok((length <= LARGEST_DEFLATED).then(|| deflated[..length].to_owned()))
}

fn read_at_most(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cluster_is_taken_once() {
        // The second extent begins in the cluster in which the first one ends.
        let extents = [
            0..CLUSTER + 1,
            CLUSTER + 4096..3 * CLUSTER,
            100 * CLUSTER + 5..120 * CLUSTER,
        ];
        let taken: Vec<_> = batches(&extents).collect();
        assert_eq!(taken, [0..2, 2..3, 100..116, 116..120]);
    }
}
