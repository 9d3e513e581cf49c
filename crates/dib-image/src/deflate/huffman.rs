//! Prefix codes out of frequencies (RFC 1951, 3.2.2).

/// The longest code of a literal, a length or a distance, in bits.
pub(super) const LONGEST: u8 = 15;
/// No alphabet has more symbols.
const MOST_SYMBOLS: usize = 288;
/// A tree is no deeper than this with the frequencies of a few megabytes, which grow at least as Fibonacci's numbers.
const DEEPEST: usize = 40;

/// Works out the length of each symbol's code, at most `longest` bits; 0 for a symbol that does not occur.
///
/// There are two codes at least, for some readers refuse a lone one.
pub(super) fn code_lengths(frequencies: &[u32], longest: u8, lengths: &mut [u8]) {
    lengths.fill(0);
    let mut leaves = [(0_u32, 0_u16); MOST_SYMBOLS];
    let mut used = 0;
    for (symbol, frequency) in (0..).zip(frequencies) {
        if *frequency > 0 {
            leaves[used] = (*frequency, symbol);
            used += 1;
        }
    }
    let leaves = &mut leaves[..used];
    if used < 2 {
        let only = leaves.first().map_or(0, |leaf| usize::from(leaf.1));
        lengths[only] = 1;
        lengths[usize::from(only == 0)] = 1;
        return;
    }
    leaves.sort_unstable();
    let mut per_length = leaves_per_depth(leaves);
    limit(&mut per_length, usize::from(longest));
    // The rarest have the longest codes.
    let mut leaves = leaves.iter();
    for length in (1..=longest).rev() {
        for (_, symbol) in leaves.by_ref().take(per_length[usize::from(length)]) {
            lengths[usize::from(*symbol)] = length;
        }
    }
}

/// Returns how many leaves lie at each depth of the tree that makes the shortest codes; `leaves` ascend.
fn leaves_per_depth(leaves: &[(u32, u16)]) -> [usize; DEEPEST + 1] {
    let count = leaves.len();
    // Inner nodes come about in ascending order of their weight, so that leaves and they are two queues.
    let mut weights = [0_u32; MOST_SYMBOLS];
    let mut parents = [0_usize; 2 * MOST_SYMBOLS];
    let (mut leaf, mut inner) = (0, 0);
    for parent in 0..count - 1 {
        for _ in 0..2 {
            let is_leaf = leaf < count && (inner >= parent || leaves[leaf].0 <= weights[inner]);
            let (weight, node) = if is_leaf {
                leaf += 1;
                (leaves[leaf - 1].0, leaf - 1)
            } else {
                inner += 1;
                (weights[inner - 1], count + inner - 1)
            };
            weights[parent] += weight;
            parents[node] = parent;
        }
    }
    let mut depths = [0_usize; MOST_SYMBOLS];
    for node in (0..count - 2).rev() {
        depths[node] = depths[parents[count + node]] + 1;
    }
    let mut per_depth = [0; DEEPEST + 1];
    for parent in &parents[..count] {
        per_depth[(depths[*parent] + 1).min(DEEPEST)] += 1;
    }
    per_depth
}

/// Moves leaves up that are too deep, and others down to make room for them.
fn limit(per_length: &mut [usize; DEEPEST + 1], longest: usize) {
    let too_deep: usize = per_length[longest + 1..].iter().sum();
    per_length[longest + 1..].fill(0);
    if too_deep == 0 {
        return;
    }
    per_length[longest] += too_deep;
    let share = |(count, length): (&usize, usize)| count << (longest - length);
    let mut taken: usize = per_length[1..=longest].iter().zip(1..).map(share).sum();
    while taken > 1 << longest {
        // A leaf becomes a node with two leaves, one of which is one of the deepest: there, a place becomes free.
        let length = (1..longest)
            .rfind(|length| per_length[*length] > 0)
            .expect("so few symbols don't fill the deepest level alone");
        per_length[length] -= 1;
        per_length[length + 1] += 2;
        per_length[longest] -= 1;
        taken -= 1;
    }
}

/// Works out the codes of those lengths, with their bits in the order in which they are written.
pub(super) fn codes(lengths: &[u8], codes: &mut [u16]) {
    let mut per_length = [0_u16; LONGEST as usize + 1];
    for length in lengths.iter().filter(|length| **length > 0) {
        per_length[usize::from(*length)] += 1;
    }
    let mut next = [0_u16; LONGEST as usize + 1];
    let mut code = 0;
    for length in 1..next.len() {
        code = (code + per_length[length - 1]) << 1;
        next[length] = code;
    }
    for (code, length) in codes.iter_mut().zip(lengths).filter(|(_, length)| **length > 0) {
        let next = &mut next[usize::from(*length)];
        *code = next.reverse_bits() >> (16 - length);
        *next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(frequencies: &[u32], longest: u8, expected: &[u8]) {
        let mut lengths = vec![9; frequencies.len()];
        code_lengths(frequencies, longest, &mut lengths);
        assert_eq!(lengths, expected, "{frequencies:?}");
    }

    #[test]
    fn rare_symbols_have_long_codes() {
        check(&[5, 0, 9, 12, 13, 16, 45], 15, &[4, 0, 4, 3, 3, 3, 1]);
        check(&[1, 1, 2, 4, 8, 16], 15, &[5, 5, 4, 3, 2, 1]);
        check(&[1, 1, 2, 4, 8, 16], 3, &[3, 3, 3, 3, 2, 2]);
    }

    #[test]
    fn there_are_two_codes_at_least() {
        check(&[0, 0, 0], 15, &[1, 1, 0]);
        check(&[7, 0, 0], 15, &[1, 1, 0]);
        check(&[0, 0, 7], 15, &[1, 0, 1]);
    }

    #[test]
    fn the_code_space_is_filled_exactly() {
        let fibonacci = |count: usize| {
            let mut numbers = vec![1_u32, 1];
            while numbers.len() < count {
                numbers.push(numbers[numbers.len() - 1] + numbers[numbers.len() - 2]);
            }
            numbers
        };
        for (frequencies, longest) in [
            (fibonacci(33), 15),
            (fibonacci(19), 7),
            ((1..=286).collect(), 15),
            (vec![1; 286], 15),
            (vec![3; 19], 7),
        ] {
            let mut lengths = vec![0; frequencies.len()];
            code_lengths(&frequencies, longest, &mut lengths);
            let filled: u32 = lengths.iter().map(|length| 1 << (longest - length)).sum();
            assert_eq!(filled, 1 << longest, "{lengths:?}");
            assert!(lengths.iter().all(|length| (1..=longest).contains(length)));
        }
    }

    #[test]
    fn codes_are_those_of_the_specification() {
        // RFC 1951, 3.2.2: the alphabet ABCDEFGH.
        let mut written = [0; 8];
        codes(&[3, 3, 3, 3, 3, 2, 4, 4], &mut written);
        let expected = [0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111];
        assert_eq!(written, expected);
    }
}
