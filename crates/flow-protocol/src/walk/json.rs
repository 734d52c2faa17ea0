use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::WalkError;

/// Why a JSON text is refused; [`Refusal::at`] gives it its place.
#[derive(Debug)]
pub(super) enum Refusal {
    Json,
    Proto,
}

impl Refusal {
    pub(super) const fn at(self, at: usize) -> WalkError {
        match self {
            Self::Json => WalkError::Json(at),
            Self::Proto => WalkError::ProtoKey(at),
        }
    }
}

/// Checks that `text` is one whole JSON value that JavaScript and serde read
/// alike, without building it; answers about how much memory yrs takes for it.
///
/// Stricter than JavaScript in three places where yrs would refuse or read
/// something else: nesting, numbers beyond `f64`, and lone surrogates.
pub(super) fn check_json(text: &str, depth_max: u32) -> Result<usize, Refusal> {
    let mut check = Check { depth_left: depth_max.min(SERDE_DEPTH), memory: 0, proto: false };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = (&mut check).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match read {
        Ok(()) => Ok(check.memory),
        Err(_) if check.proto => Err(Refusal::Proto),
        Err(_) => Err(Refusal::Json),
    }
}

/// serde_json itself stops at 128, and so does yrs, which uses it.
const SERDE_DEPTH: u32 = 120;

const VALUE_MEMORY: usize = 24;
const OBJECT_MEMORY: usize = 80;
const ENTRY_MEMORY: usize = 72;

struct Check {
    depth_left: u32,
    memory: usize,
    proto: bool,
}

impl Check {
    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Check {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.memory += VALUE_MEMORY;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Check {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.memory += text.len() + 16;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.enter()?;
        while seq.next_element_seed(&mut *self)?.is_some() {}
        self.depth_left += 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.enter()?;
        self.memory += OBJECT_MEMORY;
        while let Some(key) = map.next_key::<String>()? {
            if key == "__proto__" {
                self.proto = true;
                return Err(A::Error::custom("__proto__"));
            }
            self.memory += ENTRY_MEMORY + key.len();
            map.next_value_seed(&mut *self)?;
        }
        self.depth_left += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_json_that_both_sides_read_alike_passes() {
        for text in ["null", "1.5e3", "{\"a\":[1,\"\\u00e9\",{}]}", " true "] {
            assert!(check_json(text, 64).is_ok(), "{text}");
        }
        for text in ["", "undefined", "{", "1 2", "1e999", "\"\\ud800\"", "NaN", "[1,]"] {
            assert!(matches!(check_json(text, 64), Err(Refusal::Json)), "{text}");
        }
        assert!(matches!(check_json("{\"a\":{\"__proto__\":1}}", 64), Err(Refusal::Proto)));
    }

    #[test]
    fn nesting_is_bounded_and_siblings_do_not_count_as_depth() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(check_json(&nested(64), 64).is_ok());
        assert!(check_json(&nested(65), 64).is_err());
        assert!(check_json(&format!("[{}]", vec!["[]"; 1000].join(",")), 2).is_ok());
    }
}
