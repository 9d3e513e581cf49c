//! The lengths of a block's codes, themselves encoded (RFC 1951, 3.2.7).

use super::{BitWriter, DISTANCE_ROOM, FIRST_LENGTH, LITERAL_ROOM, huffman};

/// The symbols in which code lengths are written, in the order in which their own code's lengths are.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// Repeats the last length 3 to 6 times.
const REPEAT: u8 = 16;
/// 3 to 10 zeros.
const ZEROS: u8 = 17;
/// 11 to 138 zeros.
const MANY_ZEROS: u8 = 18;
/// The longest code of these symbols, in bits.
const LONGEST: u8 = 7;

/// A symbol and the value of its additional bits.
type Item = (u8, u8);

pub(super) fn write(literals: &[u8; LITERAL_ROOM], distances: &[u8; DISTANCE_ROOM], out: &mut BitWriter) {
    let literals = without_zeros_behind(literals, FIRST_LENGTH);
    let distances = without_zeros_behind(distances, 1);
    let mut room = [(0, 0); LITERAL_ROOM + DISTANCE_ROOM];
    // A repetition may reach from the first alphabet into the second.
    let items = run_lengths(literals.iter().chain(distances), &mut room);
    let mut frequencies = [0; ORDER.len()];
    for (symbol, _) in items {
        frequencies[usize::from(*symbol)] += 1;
    }
    let mut lengths = [0; ORDER.len()];
    huffman::code_lengths(&frequencies, LONGEST, &mut lengths);
    let mut codes = [0; ORDER.len()];
    huffman::codes(&lengths, &mut codes);

    let in_order = ORDER.map(|symbol| lengths[symbol]);
    let in_order = without_zeros_behind(&in_order, 4);
    for (count, least, bits) in [
        (literals.len(), FIRST_LENGTH, 5),
        (distances.len(), 1, 5),
        (in_order.len(), 4, 4),
    ] {
        out.put((count - least) as u64, bits);
    }
    for length in in_order {
        out.put((*length).into(), 3);
    }
    for (symbol, value) in items {
        let length = lengths[usize::from(*symbol)];
        let additional_bits = match *symbol {
            REPEAT => 2,
            ZEROS => 3,
            MANY_ZEROS => 7,
            _ => 0,
        };
        let bits = u64::from(codes[usize::from(*symbol)]) | u64::from(*value) << length;
        out.put(bits, u32::from(length) + additional_bits);
    }
}

/// Returns what is left without the zeros at the end, but no fewer than `least`.
fn without_zeros_behind(lengths: &[u8], least: usize) -> &[u8] {
    let used = lengths
        .iter()
        .rposition(|length| *length > 0)
        .map_or(0, |last| last + 1);
    &lengths[..used.max(least)]
}

/// Writes runs of equal lengths as few symbols.
fn run_lengths<'l, 'r>(lengths: impl Iterator<Item = &'l u8>, room: &'r mut [Item]) -> &'r [Item] {
    let mut lengths = lengths.copied().peekable();
    let mut count = 0;
    let mut add = |symbol: u8, value: u8| {
        room[count] = (symbol, value);
        count += 1;
    };
    while let Some(length) = lengths.next() {
        let mut run = 1_usize;
        while lengths.next_if_eq(&length).is_some() {
            run += 1;
        }
        if length > 0 {
            add(length, 0);
            run -= 1;
        }
        while run >= 3 {
            let (symbol, least, most) = match (length, run) {
                (0, 11..) => (MANY_ZEROS, 11, 138),
                (0, _) => (ZEROS, 3, 10),
                _ => (REPEAT, 3, 6),
            };
            let taken = u8::try_from(run).map_or(most, |run| run.min(most));
            add(symbol, taken - least);
            run -= usize::from(taken);
        }
        for _ in 0..run {
            add(length, 0);
        }
    }
    &room[..count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_become_few_symbols() {
        let mut lengths = vec![5; 9];
        lengths.extend([0; 150]);
        lengths.extend([4, 4, 0, 0]);
        let mut room = [(0, 0); 20];
        let items = run_lengths(lengths.iter(), &mut room);
        let expected = [
            (5, 0),
            (REPEAT, 3),
            (5, 0),
            (5, 0),
            (MANY_ZEROS, 127),
            (MANY_ZEROS, 1),
            (4, 0),
            (4, 0),
            (0, 0),
            (0, 0),
        ];
        assert_eq!(items, expected);
    }
}
