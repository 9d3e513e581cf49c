//! Blocks: tokens, how often their symbols occur, and how they are written (RFC 1951, 3.2.5 to 3.2.7).

mod header;

use super::bits::BitWriter;
use super::huffman::{self, LONGEST};
use super::matches::SHORTEST;

/// The symbol that ends a block, in the alphabet of literals and lengths.
const END_OF_BLOCK: usize = 256;
/// The first length's symbol in that alphabet.
const FIRST_LENGTH: usize = END_OF_BLOCK + 1;
/// The symbols of that alphabet that may occur, and the room for it.
const LITERALS: usize = 286;
const LITERAL_ROOM: usize = 288;
/// The symbols of distances up to 4 KiB, and the room for them, a power of two.
const DISTANCES: usize = 24;
const DISTANCE_ROOM: usize = 32;
/// What a block's header takes for each symbol that occurs, in bits: an estimate.
const HEADER_PER_SYMBOL: f32 = 3.5;
/// What a header takes besides.
const HEADER: f32 = 60.0;
/// The most bytes that a token takes, 15 + 5 bits of a length and 15 + 10 of a distance, and a header.
const BYTES_PER_TOKEN: usize = 6;
const BYTES_OF_HEADER: usize = 400;

/// The symbol of each length from [`SHORTEST`] on, less [`FIRST_LENGTH`], and the number of its additional bits.
const LENGTH_SYMBOLS: [(u32, u32); 256] = length_symbols();

/// A literal, or, with the highest bit set, a match: its distance less one in the lower half, above it its length less
/// [`SHORTEST`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Token(u32);

const MATCH: u32 = 1 << 31;

#[derive(Debug, Clone, Copy)]
enum Meaning {
    Literal(u8),
    Match {
        length_index: u8,
        distance_less_one: u32,
    },
}

impl Token {
    pub(super) fn literal(byte: u8) -> Self {
        Self(byte.into())
    }

    pub(super) fn of_match(length: usize, distance: usize) -> Self {
        let numbers = u32::try_from((length - SHORTEST) << 16 | (distance - 1));
        Self(MATCH | numbers.expect("lengths have 8 bits and distances 12"))
    }

    #[inline]
    fn meaning(self) -> Meaning {
        let [low, _, length_index, _] = self.0.to_le_bytes();
        if self.0 & MATCH == 0 {
            Meaning::Literal(low)
        } else {
            Meaning::Match {
                length_index,
                distance_less_one: self.0 & 0xffff,
            }
        }
    }
}

const fn length_symbols() -> [(u32, u32); 256] {
    let mut symbols = [(0, 0); 256];
    let mut index: u32 = 0;
    while index < 255 {
        // Each power of two is divided into four symbols.
        let extra = if index < 8 { 0 } else { index.ilog2() - 2 };
        symbols[index as usize] = (extra * 4 + (index >> extra), extra);
        index += 1;
    }
    // The longest has a symbol of its own.
    symbols[255] = (28, 0);
    symbols
}

/// Returns the symbol of a distance and the number of its additional bits.
#[inline]
fn distance_symbol(less_one: u32) -> (usize, u32) {
    // Each power of two is divided into two symbols.
    let extra = if less_one < 4 { 0 } else { less_one.ilog2() - 1 };
    ((extra * 2 + (less_one >> extra)) as usize, extra)
}

/// How often each symbol occurs.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    literals: [u32; LITERAL_ROOM],
    distances: [u32; DISTANCE_ROOM],
    extra_bits: u32,
    estimated_bits: f32,
}

impl Histogram {
    pub(super) fn of(tokens: &[Token]) -> Self {
        let mut histogram = Self {
            literals: [0; LITERAL_ROOM],
            distances: [0; DISTANCE_ROOM],
            extra_bits: 0,
            estimated_bits: 0.0,
        };
        for token in tokens {
            match token.meaning() {
                Meaning::Literal(byte) => histogram.literals[usize::from(byte)] += 1,
                Meaning::Match {
                    length_index,
                    distance_less_one,
                } => {
                    let (symbol, extra) = LENGTH_SYMBOLS[usize::from(length_index)];
                    histogram.literals[FIRST_LENGTH + symbol as usize] += 1;
                    let (distance, more) = distance_symbol(distance_less_one);
                    histogram.distances[distance % DISTANCE_ROOM] += 1;
                    histogram.extra_bits += extra + more;
                }
            }
        }
        histogram.estimated()
    }

    /// Returns the histogram of both's tokens.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (count, more) in sum.literals.iter_mut().zip(&other.literals) {
            *count += more;
        }
        for (count, more) in sum.distances.iter_mut().zip(&other.distances) {
            *count += more;
        }
        sum.extra_bits += other.extra_bits;
        sum.estimated()
    }

    /// Returns about how many bits it takes as a block of its own.
    pub(super) fn estimated_bits(&self) -> f32 {
        self.estimated_bits
    }

    fn estimated(mut self) -> Self {
        let bits = estimate(&self.literals) + estimate(&self.distances);
        self.estimated_bits = bits + float(self.extra_bits) + HEADER;
        self
    }
}

/// Returns the bits of the shortest codes there could be, and of what describes them.
fn estimate(counts: &[u32]) -> f32 {
    let (mut total, mut bits) = (0, 0.0);
    for count in counts.iter().filter(|count| **count > 0) {
        total += count;
        bits += HEADER_PER_SYMBOL - float(*count) * float(*count).log2();
    }
    let total = float(total.max(1));
    bits + total * total.log2()
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more")]
fn float(number: u32) -> f32 {
    number as f32
}

/// Writes blocks; it keeps the room for their codes.
#[derive(Debug)]
pub(super) struct BlockWriter {
    literal_lengths: [u8; LITERAL_ROOM],
    literal_codes: [u16; LITERAL_ROOM],
    distance_lengths: [u8; DISTANCE_ROOM],
    distance_codes: [u16; DISTANCE_ROOM],
}

impl BlockWriter {
    pub(super) fn new() -> Self {
        Self {
            literal_lengths: [0; LITERAL_ROOM],
            literal_codes: [0; LITERAL_ROOM],
            distance_lengths: [0; DISTANCE_ROOM],
            distance_codes: [0; DISTANCE_ROOM],
        }
    }

    /// Writes the tokens, whose histogram is given, as a block with codes of its own.
    pub(super) fn write(
        &mut self,
        tokens: &[Token],
        mut histogram: Histogram,
        is_last: bool,
        out: &mut BitWriter,
    ) {
        histogram.literals[END_OF_BLOCK] = 1;
        huffman::code_lengths(
            &histogram.literals[..LITERALS],
            LONGEST,
            &mut self.literal_lengths,
        );
        huffman::code_lengths(
            &histogram.distances[..DISTANCES],
            LONGEST,
            &mut self.distance_lengths,
        );
        huffman::codes(&self.literal_lengths, &mut self.literal_codes);
        huffman::codes(&self.distance_lengths, &mut self.distance_codes);
        out.reserve(BYTES_OF_HEADER + tokens.len() * BYTES_PER_TOKEN);
        // A block with dynamic codes is of type 2.
        out.put(u64::from(is_last) | 2 << 1, 3);
        header::write(&self.literal_lengths, &self.distance_lengths, out);
        let lengths = self.codes_of_lengths();
        for token in tokens {
            match token.meaning() {
                Meaning::Literal(byte) => {
                    let symbol = usize::from(byte);
                    out.put(
                        self.literal_codes[symbol].into(),
                        self.literal_lengths[symbol].into(),
                    );
                }
                Meaning::Match {
                    length_index,
                    distance_less_one,
                } => {
                    let (length, length_bits) = lengths[usize::from(length_index)];
                    let (symbol, extra) = distance_symbol(distance_less_one);
                    let symbol = symbol % DISTANCE_ROOM;
                    let code_bits = u32::from(self.distance_lengths[symbol]);
                    let additional = u64::from(distance_less_one & ((1 << extra) - 1));
                    let distance = u64::from(self.distance_codes[symbol]) | additional << code_bits;
                    let bits = u64::from(length) | distance << length_bits;
                    out.put(bits, length_bits + code_bits + extra);
                }
            }
        }
        out.put(
            self.literal_codes[END_OF_BLOCK].into(),
            self.literal_lengths[END_OF_BLOCK].into(),
        );
    }

    /// Returns each length's code with its additional bits, and how many bits that makes.
    fn codes_of_lengths(&self) -> [(u32, u32); 256] {
        let mut codes = [(0, 0); 256];
        for ((entry, length), (symbol, extra)) in codes.iter_mut().zip(0_u32..).zip(LENGTH_SYMBOLS) {
            let symbol = FIRST_LENGTH + symbol as usize;
            let code_bits = u32::from(self.literal_lengths[symbol]);
            let additional = length & ((1 << extra) - 1);
            let code = u32::from(self.literal_codes[symbol]) | additional << code_bits;
            *entry = (code, code_bits + extra);
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_those_of_the_specification() {
        // RFC 1951, 3.2.5: the tables' corners.
        for (length, symbol, extra) in [
            (3, 257, 0),
            (10, 264, 0),
            (11, 265, 1),
            (18, 268, 1),
            (19, 269, 2),
            (257, 284, 5),
            (258, 285, 0),
        ] {
            let expected = (symbol - 257, extra);
            assert_eq!(LENGTH_SYMBOLS[length - SHORTEST], expected, "{length}");
        }
        for (distance, symbol, extra) in [
            (1, 0, 0),
            (4, 3, 0),
            (5, 4, 1),
            (7, 5, 1),
            (9, 6, 2),
            (2049, 22, 10),
            (4096, 23, 10),
        ] {
            assert_eq!(distance_symbol(distance - 1), (symbol, extra), "{distance}");
        }
    }
}
