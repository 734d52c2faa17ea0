//! Between our types and Postgres's.

use std::borrow::Cow;

use flow_base::{Seq, Timestamp};
use flow_store::StoredMoment;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

use crate::error::Unreadable;

/// Microseconds from 1970 to 2000, where Postgres's own count starts.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// The types' numbers, the same everywhere (`pg_type.dat`). By their names they would have
/// to be asked for on each connection.
const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);

/// A `timestamptz`. What is finer than a microsecond is cut off on the way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for Moment {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ_ARRAY)
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // No moment that jiff knows is near the ends of an i64.
        let micros = self.0.as_microsecond() - POSTGRES_EPOCH;
        <i64 as Encode<'_, Postgres>>::encode(micros, buf)
    }
}

impl<'r> Decode<'r, Postgres> for Moment {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        if value.format() == PgValueFormat::Text {
            return Err(Box::new(Unreadable("moment")));
        }
        let micros = <i64 as Decode<'r, Postgres>>::decode(value)?;
        // Postgres knows more years than jiff, and infinity.
        let at = micros.checked_add(POSTGRES_EPOCH).map(Timestamp::from_microsecond);
        at.and_then(Result::ok).map(Self).ok_or_else(|| Box::new(Unreadable("moment")).into())
    }
}

impl StoredMoment for Moment {
    fn read(self) -> Result<Timestamp, Unreadable> {
        Ok(self.0)
    }
}

/// A text that Postgres takes: it has no U+0000, which documents may contain. The sign
/// for what cannot be shown takes its place.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

pub(crate) fn texts(texts: &[String]) -> Vec<String> {
    texts.iter().map(|tag| text(tag).into_owned()).collect()
}

/// A position from a column, all of which are checked not to be negative.
pub(crate) fn seq(value: i64) -> Seq {
    Seq(value.cast_unsigned())
}

/// A position for a column. None that the log has is cut: 2^63 updates do not fit a disk.
pub(crate) fn position(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// A length for a column.
pub(crate) fn length(length: usize) -> i64 {
    i64::try_from(length).expect("nothing in memory has 2^63 bytes or items")
}
