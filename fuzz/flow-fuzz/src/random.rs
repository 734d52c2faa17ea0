/// SplitMix64: the same seed makes the same choices.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is at least 1.
    pub const fn below(&mut self, end: u32) -> u32 {
        // The upper half of 32 by 32 bits is below `end`.
        (((self.next() >> 32) * end as u64) >> 32) as u32
    }

    pub const fn one_in(&mut self, many: u32) -> bool {
        self.below(many) == 0
    }

    /// One of the things; `None` if there is none.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let count = u32::try_from(things.len()).ok().filter(|&count| count > 0)?;
        things.get(self.below(count) as usize)
    }

    /// One of a list that is written out, and so not empty.
    pub fn of<T: Copy, const N: usize>(&mut self, things: [T; N]) -> T {
        *self.pick(&things).expect("the list is not empty")
    }

    /// A place in a list of so many.
    pub fn at(&mut self, len: usize) -> Option<usize> {
        let count = u32::try_from(len).ok().filter(|&count| count > 0)?;
        Some(self.below(count) as usize)
    }
}
