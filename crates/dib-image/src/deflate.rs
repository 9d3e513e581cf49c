//! Deflate (RFC 1951) with a window of 4 KiB: for qcow2's clusters, whose readers have no more.
//!
//! The encoders there are write for a window of 32 KiB or, with a smaller one, take several times as long. This one
//! knows what it compresses: pieces that fit into the processor's cache, each on its own, in a window whose chains are
//! short. It looks one byte ahead for a longer match, and cuts a piece into blocks where its content changes.

mod bits;
mod block;
mod huffman;
mod matches;

use bits::BitWriter;
use block::{BlockWriter, Histogram, Token};
use matches::{Finder, Match, SHORTEST};

/// The number of what comes out: another whenever the same data is compressed to other bytes than before. Images reuse
/// what older ones were compressed to under the same number.
pub(crate) const VERSION: u32 = 1;
/// Tokens whose frequencies are counted together: the finest that blocks are cut.
const SEGMENT: usize = 4096;
/// A match of this length is taken without a look at the next byte.
const TAKEN_AT_ONCE: usize = 32;
/// Bytes without a match, after which only some of the next are tried: the data is compressed already.
const BARREN: usize = 256;
/// The most bytes that are not tried in barren data, before one is.
const LARGEST_SKIP: usize = 16;

/// What compresses pieces of data, one after the other, into streams of their own.
#[derive(Debug)]
pub(crate) struct Encoder {
    finder: Finder,
    tokens: Vec<Token>,
    writer: BlockWriter,
    out: BitWriter,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            finder: Finder::new(),
            tokens: Vec::new(),
            writer: BlockWriter::new(),
            out: BitWriter::default(),
        }
    }

    /// Compresses a piece; what is returned is a whole stream and depends on the piece alone.
    pub(crate) fn deflate(&mut self, data: &[u8]) -> &[u8] {
        self.finder.clear();
        self.tokens.clear();
        self.out.clear();
        self.tokenize(data);
        self.write_blocks();
        self.out.bytes()
    }

    /// Turns a piece into literals and matches.
    fn tokenize(&mut self, data: &[u8]) {
        // At the last three bytes no match can begin that is looked for by four.
        let searched = data.len().saturating_sub(3);
        let (mut position, mut barren) = (0, 0);
        while position < searched {
            let first = self.finder.insert(data, position);
            let Some(found) = self.finder.longest(data, position, first, SHORTEST - 1) else {
                let skipped = match barren / 128 {
                    _ if barren < BARREN => 1,
                    skip => (skip + 1).min(LARGEST_SKIP),
                };
                let end = (position + skipped).min(searched);
                self.literals(&data[position..end]);
                barren += end - position;
                position = end;
                continue;
            };
            barren = 0;
            position = self.take_match(data, position, found, searched);
        }
        self.literals(&data[position..]);
    }

    /// Takes the match found at `position`, or a better one at one of the next bytes; returns where it ends.
    fn take_match(&mut self, data: &[u8], mut position: usize, mut found: Match, searched: usize) -> usize {
        // Up to here positions are known to the finder.
        let mut inserted = position + 1;
        while found.length < TAKEN_AT_ONCE && position + 1 < searched {
            let first = self.finder.insert(data, position + 1);
            inserted = position + 2;
            let longer_than = found.length.max(SHORTEST + 1) - 1;
            match self.finder.longest(data, position + 1, first, longer_than) {
                Some(next) if next.is_worth_a_literal_more_than(&found) => {
                    self.literals(&data[position..=position]);
                    position += 1;
                    found = next;
                }
                _ => break,
            }
        }
        self.tokens.push(Token::of_match(found.length, found.distance));
        let end = position + found.length;
        for within in inserted..end.min(searched) {
            self.finder.insert(data, within);
        }
        end
    }

    fn literals(&mut self, bytes: &[u8]) {
        self.tokens.extend(bytes.iter().map(|byte| Token::literal(*byte)));
    }

    /// Writes the tokens as blocks: neighbouring segments share one where that is the shorter.
    fn write_blocks(&mut self) {
        let tokens = &self.tokens;
        let (mut start, mut end) = (0, SEGMENT.min(tokens.len()));
        let mut open = Histogram::of(&tokens[..end]);
        while end < tokens.len() {
            let next_end = (end + SEGMENT).min(tokens.len());
            let next = Histogram::of(&tokens[end..next_end]);
            let both = open.plus(&next);
            if both.estimated_bits() <= open.estimated_bits() + next.estimated_bits() {
                open = both;
            } else {
                self.writer.write(&tokens[start..end], open, false, &mut self.out);
                start = end;
                open = next;
            }
            end = next_end;
        }
        self.writer.write(&tokens[start..end], open, true, &mut self.out);
    }
}

#[cfg(test)]
mod tests;
