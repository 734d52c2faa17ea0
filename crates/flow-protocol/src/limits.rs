/// What an update may cost before it is refused unread. The defaults are far
/// above what an editor makes and far below what hurts.
#[derive(Debug, Clone, Copy)]
pub struct UpdateLimits {
    /// Nesting of lists and objects inside one value. yrs decodes values by
    /// recursion: without a bound, 16 MiB of opening brackets end the process
    /// by overflowing its stack. Deeper values are refused.
    pub value_depth: u32,
    /// Bytes of memory that decoding may take per byte of the update, as
    /// [`crate::Walked::memory`] estimates them. Above it the update is refused.
    pub memory_factor: usize,
    /// Updates whose estimate is below this are never refused for it: what thousands
    /// of clients wrote and deleted again consists of little but fixed costs, and is
    /// sent whole by whoever brings a document of long history.
    pub memory_free_bytes: usize,
}

impl UpdateLimits {
    /// For bytes that passed the limits before, alone or as part of another update.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { value_depth: u32::MAX, memory_factor: usize::MAX, memory_free_bytes: usize::MAX }
    }
}

impl Default for UpdateLimits {
    fn default() -> Self {
        Self { value_depth: 64, memory_factor: 64, memory_free_bytes: 8 << 20 }
    }
}
