//! Earlier places where the same bytes stand, within the window.

/// The farthest that a match reaches back, in bytes.
pub(super) const WINDOW: usize = 1 << 12;
/// The shortest match that deflate has.
pub(super) const SHORTEST: usize = 3;
/// The longest match that deflate has.
const LONGEST: usize = 258;
/// Places that are compared before the best match so far is taken.
const MOST_COMPARED: usize = 6;
/// A match of this length is good enough to look no farther.
const GOOD_ENOUGH: usize = 32;
const HASH_BITS: u32 = 14;
const SHORT_HASH_BITS: u32 = 12;
/// Multiplied with this, near values are spread over the upper bits (2^32 divided by the golden ratio).
const SPREAD: u32 = 0x9e37_79b1;
/// Places are stored in 16 bits, relative to a base that moves up by so much before they run out.
const REBASE: u16 = 1 << 15;
const LAST_BEFORE_REBASE: usize = u16::MAX as usize - 1;

/// A place as it is stored: counted from the base, beginning with 1; 0 is none.
type Place = u16;

/// The places at which a search begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct First {
    /// The last with the same four bytes, or the same hash of them.
    four: Place,
    /// The last with the same three bytes, or the same hash of them.
    three: Place,
}

/// Bytes that stand earlier, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    pub(super) length: usize,
    pub(super) distance: usize,
}

impl Match {
    /// Returns whether this one, which begins a byte later, saves more than the literal before it costs.
    pub(super) fn is_worth_a_literal_more_than(&self, earlier: &Self) -> bool {
        // Near matches take fewer bits: one for each halving of the distance. A byte more is worth about four.
        let gain = 4 * self.length + earlier.distance.ilog2() as usize;
        gain > 4 * earlier.length + self.distance.ilog2() as usize + 2
    }
}

/// Knows where bytes have stood.
#[derive(Debug)]
pub(super) struct Finder {
    /// The last place of each hash of four bytes.
    heads: Box<[Place; 1 << HASH_BITS]>,
    /// For each place in the window, the one before it with the same hash.
    previous: Box<[Place; WINDOW]>,
    /// The last place of each hash of three bytes.
    short_heads: Box<[Place; 1 << SHORT_HASH_BITS]>,
    base: usize,
}

impl Finder {
    pub(super) fn new() -> Self {
        Self {
            heads: empty(),
            previous: empty(),
            short_heads: empty(),
            base: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        // `previous` is only reached through the others.
        self.heads.fill(0);
        self.short_heads.fill(0);
        self.base = 0;
    }

    /// Makes `position` known, at which four bytes must stand, and returns where a search for them begins.
    #[expect(clippy::inline_always, reason = "measured: together a tenth of the time")]
    #[inline(always)]
    pub(super) fn insert(&mut self, data: &[u8], position: usize) -> First {
        if position - self.base >= LAST_BEFORE_REBASE {
            self.rebase();
        }
        let four = four_bytes(data, position);
        let hash = (four.wrapping_mul(SPREAD) >> (32 - HASH_BITS)) as usize;
        let short_hash = ((four << 8).wrapping_mul(SPREAD) >> (32 - SHORT_HASH_BITS)) as usize;
        let place = self.place(position);
        let first = First {
            four: self.heads[hash],
            three: self.short_heads[short_hash],
        };
        self.heads[hash] = place;
        self.short_heads[short_hash] = place;
        self.previous[position % WINDOW] = first.four;
        first
    }

    /// Returns the longest match at `position` that is found soon enough and longer than `longer_than`, which is 2 at
    /// least. Of several of one length it is the nearest.
    #[expect(clippy::inline_always, reason = "measured: together a tenth of the time")]
    #[inline(always)]
    pub(super) fn longest(
        &self,
        data: &[u8],
        position: usize,
        first: First,
        longer_than: usize,
    ) -> Option<Match> {
        let most = LONGEST.min(data.len() - position);
        let four = four_bytes(data, position);
        let mut length = longer_than.max(SHORTEST);
        if length >= most {
            return None;
        }
        let mut best = None;
        let mut last_four = four_bytes(data, position + length - 3);
        let mut next = first.four;
        for _ in 0..MOST_COMPARED {
            let Some(earlier) = self.within_window(next, position) else {
                break;
            };
            // What does not match at the end of the best so far is no longer than it.
            if four_bytes(data, earlier + length - 3) == last_four && four_bytes(data, earlier) == four {
                let common = common_length(data, earlier, position, most);
                if common > length {
                    length = common;
                    best = Some(earlier);
                    if length >= GOOD_ENOUGH || length == most {
                        break;
                    }
                    last_four = four_bytes(data, position + length - 3);
                }
            }
            let before = self.previous[earlier % WINDOW];
            // Places only get older; one that does not has been written over.
            if before >= next {
                break;
            }
            next = before;
        }
        if best.is_none() && longer_than < SHORTEST {
            best = self
                .within_window(first.three, position)
                .filter(|earlier| (four_bytes(data, *earlier) ^ four) << 8 == 0);
        }
        best.map(|earlier| Match {
            length,
            distance: position - earlier,
        })
    }

    /// Returns the position of a place that is near enough.
    #[expect(clippy::inline_always, reason = "measured: together a tenth of the time")]
    #[inline(always)]
    fn within_window(&self, place: Place, position: usize) -> Option<usize> {
        let earlier = (self.base + usize::from(place)).checked_sub(1)?;
        (place > 0 && position - earlier <= WINDOW).then_some(earlier)
    }

    #[inline]
    fn place(&self, position: usize) -> Place {
        Place::try_from(position - self.base + 1).unwrap_or(0)
    }

    #[cold]
    fn rebase(&mut self) {
        let tables = [
            &mut self.heads[..],
            &mut self.previous[..],
            &mut self.short_heads[..],
        ];
        for place in tables.into_iter().flatten() {
            *place = place.saturating_sub(REBASE);
        }
        self.base += usize::from(REBASE);
    }
}

/// Returns a table without places.
#[expect(clippy::unnecessary_box_returns, reason = "a table is too long for the stack")]
fn empty<const LENGTH: usize>() -> Box<[Place; LENGTH]> {
    let table = vec![0; LENGTH].into_boxed_slice();
    table.try_into().expect("it has just this length")
}

/// Returns how many bytes are the same at both positions, of which four are known to be.
#[expect(clippy::inline_always, reason = "measured: together a tenth of the time")]
#[inline(always)]
fn common_length(data: &[u8], earlier: usize, later: usize, most: usize) -> usize {
    let mut length = 4;
    while length + 8 <= most {
        let difference = eight_bytes(data, earlier + length) ^ eight_bytes(data, later + length);
        if difference != 0 {
            return length + (difference.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    while length < most && data[earlier + length] == data[later + length] {
        length += 1;
    }
    length
}

#[expect(clippy::inline_always, reason = "measured: together a tenth of the time")]
#[inline(always)]
fn four_bytes(data: &[u8], position: usize) -> u32 {
    let bytes = data[position..].first_chunk().expect("four bytes stand here");
    u32::from_le_bytes(*bytes)
}

#[inline]
fn eight_bytes(data: &[u8], position: usize) -> u64 {
    let bytes = data[position..].first_chunk().expect("eight bytes stand here");
    u64::from_le_bytes(*bytes)
}
