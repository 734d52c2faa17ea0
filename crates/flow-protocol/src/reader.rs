use crate::{CLIENT_ID_MAX, CLOCK_MAX};

/// Why bytes could not be read. Offsets count from the start of what was being
/// read, so that a report can point at the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("ends at byte {at}, where {wanted} more were declared")]
    Short { at: usize, wanted: u64 },
    #[error("number at byte {at} is not in its shortest form or too large")]
    Number { at: usize },
    #[error("text at byte {at} is not UTF-8")]
    Utf8 { at: usize },
    #[error("{count} things are declared at byte {at}, more than the bytes that follow can hold")]
    Count { at: usize, count: u64 },
}

/// Reads lib0's encoding from bytes nobody vouches for. Every length is checked
/// against what remains before anything is allocated or skipped.
///
/// Numbers must be in their shortest form: no writer makes longer ones, and
/// yrs and lib0 disagree on where a long one overflows.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) const fn from_offset(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ReadError> {
        let byte = *self.bytes.get(self.at).ok_or(ReadError::Short { at: self.at, wanted: 1 })?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn take(&mut self, len: u64) -> Result<&'a [u8], ReadError> {
        let short = ReadError::Short { at: self.at, wanted: len };
        let len = usize::try_from(len).map_err(|_| short)?;
        let end = self.at.checked_add(len).filter(|&end| end <= self.bytes.len()).ok_or(short)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// lib0 `varUint`: seven bits a byte, lowest first, at most 2^53 − 1.
    pub(crate) fn var_uint(&mut self) -> Result<u64, ReadError> {
        let start = self.at;
        let mut number = 0_u64;
        for shift in (0..56).step_by(7) {
            let byte = self.u8()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let shortest = byte != 0 || shift == 0;
                return if shortest && number <= CLIENT_ID_MAX {
                    Ok(number)
                } else {
                    Err(ReadError::Number { at: start })
                };
            }
        }
        Err(ReadError::Number { at: start })
    }

    /// lib0 `varInt`: sign in the second bit, six bits, then seven a byte. The
    /// value itself is of no interest here, only that both libraries read it
    /// alike: within ±(2^53 − 1).
    pub(crate) fn skip_var_int(&mut self) -> Result<(), ReadError> {
        let start = self.at;
        let first = self.u8()?;
        let mut number = u64::from(first & 0x3f);
        let mut more = first & 0x80 != 0;
        let mut last = first;
        let mut shift = 6;
        while more {
            if shift > 55 {
                return Err(ReadError::Number { at: start });
            }
            last = self.u8()?;
            number |= u64::from(last & 0x7f) << shift;
            more = last & 0x80 != 0;
            shift += 7;
        }
        let shortest = shift == 6 || last != 0;
        // "Minus zero" is −0 to JavaScript and 0 to yrs, which are equal to everybody
        // who asks, and what `Math.round(-0.3)` leaves in a stock client's document.
        if shortest && number <= CLIENT_ID_MAX { Ok(()) } else { Err(ReadError::Number { at: start }) }
    }

    /// How many things follow, each of which takes at least `bytes_each`.
    pub(crate) fn count(&mut self, bytes_each: u64) -> Result<u64, ReadError> {
        let at = self.at;
        let count = self.var_uint()?;
        if count.saturating_mul(bytes_each) > self.remaining() as u64 {
            return Err(ReadError::Count { at, count });
        }
        Ok(count)
    }

    pub(crate) fn client(&mut self) -> Result<u64, ReadError> {
        self.var_uint()
    }

    /// A clock or a length in clocks.
    pub(crate) fn clock(&mut self) -> Result<u32, ReadError> {
        let at = self.at;
        u32::try_from(self.var_uint()?)
            .ok()
            .filter(|&clock| clock < CLOCK_MAX)
            .ok_or(ReadError::Number { at })
    }

    pub(crate) fn buffer(&mut self) -> Result<&'a [u8], ReadError> {
        let len = self.var_uint()?;
        self.take(len)
    }

    pub(crate) fn string(&mut self) -> Result<&'a str, ReadError> {
        let at = self.at;
        std::str::from_utf8(self.buffer()?).map_err(|_| ReadError::Utf8 { at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uint(bytes: &[u8]) -> Option<u64> {
        let mut reader = Reader::new(bytes);
        reader.var_uint().ok().filter(|_| reader.remaining() == 0)
    }

    fn int(bytes: &[u8]) -> bool {
        let mut reader = Reader::new(bytes);
        reader.skip_var_int().is_ok() && reader.remaining() == 0
    }

    #[test]
    fn unsigned_numbers_have_one_spelling_and_end_at_2_to_the_53() {
        assert_eq!(uint(&[0]), Some(0));
        assert_eq!(uint(&[0x80, 0x01]), Some(128));
        assert_eq!(uint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]), Some((1 << 53) - 1));
        assert_eq!(uint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]), None);
        assert_eq!(uint(&[0x80, 0x00]), None);
        assert_eq!(uint(&[0xff; 12]), None);
        assert_eq!(uint(&[0x80]), None);
    }

    #[test]
    fn signed_numbers_have_one_spelling() {
        assert!(int(&[0]));
        assert!(int(&[0x40]));
        assert!(int(&[0x6a]));
        assert!(int(&[0xbf, 0xff, 0xff, 0xff, 0x0f]));
        assert!(!int(&[0x80, 0x00]));
        assert!(!int(&[0xff; 12]));
    }

    #[test]
    fn a_count_is_believed_only_if_the_bytes_can_hold_it() {
        assert_eq!(Reader::new(&[2, 0, 0]).count(1), Ok(2));
        assert_eq!(Reader::new(&[3, 0, 0]).count(1), Err(ReadError::Count { at: 0, count: 3 }));
        assert!(Reader::new(&[255, 255, 255, 122]).count(1).is_err());
    }
}
