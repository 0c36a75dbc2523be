//! Streams tensors from the files to where they live, in file order and in chunks, hashing on the way.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::delivery::Delivery;
use super::source::read_exactly;
use super::{Checkpoint, TensorEntry, WeightsFile, hex};
use crate::progress::{Event, Monitor, pause};
use crate::report::FileInfo;

/// Most bytes that are asked of the source at once: large enough that a request costs little, small enough that a
/// progress bar moves and a cancel is heard. A multiple of four, as chunks start at multiples of four.
pub const CHUNK_BYTES: u64 = 4 << 20;

/// A file is read whole, and so gets its hash, when what nobody wants of it is at most this share of its bytes. GPT-2's
/// files hold causal masks (5 % of the smallest); a tied head that is stored twice would be a third.
pub const MAX_UNWANTED_SHARE: f64 = 0.125;

/// Takes a chunk: the tensor, the chunk's offset from the tensor's start in bytes, and the bytes.
pub type WriteChunk<'a> = dyn FnMut(&TensorEntry, usize, &[u8]) -> crate::Result<()> + 'a;

/// A stretch of a file: a tensor somebody wants, or bytes that only the hash needs.
struct Segment<'a> {
    range: Range<u64>,
    tensor: Option<&'a TensorEntry>,
}

impl Checkpoint {
    /// Streams every wanted tensor in file order and calls `write(tensor, offset, bytes)` for each chunk. A chunk has at
    /// most `CHUNK_BYTES`; `offset` counts bytes from the tensor's start and is a multiple of four; a tensor's chunks
    /// come in order and without gaps. Tensors without elements are never written. What arrives is the entry's `dtype`
    /// and row order, whatever the file has.
    ///
    /// Reports `Event::Advance` in `bytes` and pauses after every chunk. Returns the model's files: small ones with
    /// the hash from opening, weights with a SHA-256 when the whole file was read, which includes unwanted bytes when
    /// they are at most `MAX_UNWANTED_SHARE` of it. Nothing is read of a file in which nothing is wanted.
    ///
    /// Errors: `NonFinite` behind the last chunk of a tensor in which a weight is NaN or infinite; `TooLarge` where it becomes
    /// so by rounding.
    pub async fn load(
        &self,
        wanted: &dyn Fn(&TensorEntry) -> bool,
        write: &mut WriteChunk<'_>,
        monitor: &mut dyn Monitor,
    ) -> crate::Result<Vec<FileInfo>> {
        let plans: Vec<(&WeightsFile, Vec<Segment>, bool)> = self
            .weights
            .iter()
            .map(|file| {
                let (segments, whole) = self.plan(file, wanted);
                (file, segments, whole)
            })
            .collect();
        let total = plans
            .iter()
            .flat_map(|(_, segments, _)| segments)
            .map(|segment| segment.range.end - segment.range.start)
            .sum();
        let mut done = 0;
        let mut files = self.small_files.clone();
        monitor.event(Event::Advance { done, total, unit: "bytes" });
        for (file, segments, whole) in plans {
            let mut hasher = whole.then(Sha256::new);
            // The first segment that is not read to its end; a chunk may end inside a tensor.
            let mut first = 0;
            let mut position = 0;
            // The tensor on its way; segments follow one another, so there is only one.
            let mut delivery: Option<Delivery> = None;
            while first < segments.len() {
                position = segments[first].range.start.max(position);
                let chunk = position..chunk_end(&segments[first..], position);
                let bytes = read_exactly(&*self.source, &file.name, chunk.clone()).await?;
                if let Some(hasher) = &mut hasher {
                    hasher.update(&bytes);
                }
                for segment in segments[first..].iter().take_while(|segment| segment.range.start < chunk.end) {
                    if let Some(tensor) = segment.tensor {
                        let start = segment.range.start.max(chunk.start);
                        let end = segment.range.end.min(chunk.end);
                        // OK to cast: within the chunk, and within a tensor that is about to live in memory.
                        let part = (start - chunk.start) as usize..(end - chunk.start) as usize;
                        let current = delivery.get_or_insert_with(|| Delivery::new(tensor));
                        current.push(&bytes[part], write)?;
                        if end == segment.range.end {
                            current.finish(write)?;
                            delivery = None;
                        }
                    }
                }
                position = chunk.end;
                while segments.get(first).is_some_and(|segment| segment.range.end <= position) {
                    first += 1;
                }
                done += chunk.end - chunk.start;
                monitor.event(Event::Advance { done, total, unit: "bytes" });
                pause(monitor).await?;
            }
            files.push(FileInfo {
                name: file.name.clone(),
                bytes: file.bytes,
                sha256: hasher.map(|hasher| hex(&hasher.finalize())),
            });
        }
        Ok(files)
    }

    /// What is read of a file, in order, and whether that is all of it.
    fn plan<'a>(&'a self, file: &WeightsFile, wanted: &dyn Fn(&TensorEntry) -> bool) -> (Vec<Segment<'a>>, bool) {
        let mut segments: Vec<Segment> = self
            .tensors
            .iter()
            .filter(|tensor| tensor.file == file.name && tensor.bytes() > 0 && wanted(tensor))
            .map(|tensor| Segment { range: tensor.range.clone(), tensor: Some(tensor) })
            .collect();
        if segments.is_empty() {
            return (segments, false);
        }
        let wanted_bytes: u64 = segments.iter().map(|segment| segment.range.end - segment.range.start).sum();
        // The header is read again with the hash and is nobody's waste.
        let unwanted_bytes = file.bytes - file.data_start - wanted_bytes;
        if unwanted_bytes as f64 > MAX_UNWANTED_SHARE * file.bytes as f64 {
            return (segments, false);
        }
        // Fill what lies between with segments that nobody wants.
        let mut position = 0;
        let mut whole = Vec::with_capacity(2 * segments.len() + 1);
        for segment in segments.drain(..) {
            if position < segment.range.start {
                whole.push(Segment { range: position..segment.range.start, tensor: None });
            }
            position = segment.range.end;
            whole.push(segment);
        }
        if position < file.bytes {
            whole.push(Segment { range: position..file.bytes, tensor: None });
        }
        (whole, true)
    }
}

/// Where the chunk that starts at `position`, inside the first segment, ends: as far as segments lie end to end and
/// `CHUNK_BYTES` reach. A tensor is cut at a multiple of four bytes from its start.
///
/// It always moves on: `position` is a multiple of four bytes inside the first segment's tensor, or at its start, so
/// a cut of that segment takes the whole `CHUNK_BYTES`; and segments are never empty.
fn chunk_end(segments: &[Segment], position: u64) -> u64 {
    let limit = position + CHUNK_BYTES;
    let mut end = position;
    for (i, segment) in segments.iter().enumerate() {
        if i > 0 && segment.range.start != end {
            break;
        }
        if segment.range.end > limit {
            let reach = limit - segment.range.start;
            return end.max(segment.range.start + reach - reach % 4);
        }
        end = segment.range.end;
    }
    end
}
