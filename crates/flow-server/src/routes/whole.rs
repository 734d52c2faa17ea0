//! Whole numbers as JSON Schema means them: `412.0` is one, too.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Number;

pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(&Number::deserialize(deserializer)?)
}

pub(crate) fn or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::<Number>::deserialize(deserializer)?.as_ref().map(whole).transpose()
}

fn whole<E: Error>(number: &Number) -> Result<u32, E> {
    let whole = number.as_u64().and_then(|number| u32::try_from(number).ok()).or_else(|| {
        let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is looked at before")]
        (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32)
    });
    whole.ok_or_else(|| E::custom(format!("{number} is no whole number from 0 to {}", u32::MAX)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    fn read(value: Value) -> Option<u32> {
        from_value::<serde_json::Number>(value)
            .ok()
            .and_then(|number| super::whole::<serde_json::Error>(&number).ok())
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        assert_eq!(
            [read(json!(412)), read(json!(412.0)), read(json!(u32::MAX))],
            [Some(412), Some(412), Some(u32::MAX)]
        );
        for wrong in [json!(-1), json!(0.5), json!(4_294_967_296_u64), json!(1e300), json!("1"), json!(null)]
        {
            assert_eq!(read(wrong.clone()), None, "{wrong}");
        }
    }
}
