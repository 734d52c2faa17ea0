use super::EvalError;

/// Most bytes of one text or list that an evaluation builds.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// Most bytes that it builds altogether.
pub const TOTAL_BYTES_MAX: usize = 4 << 20;
/// Most steps: one for each part that is evaluated, each item that is looked at, and each
/// [`STEP_BYTES`] of text.
pub const STEPS_MAX: usize = 100_000;

/// Looking through so many bytes of text is a step.
const STEP_BYTES: usize = 256;

/// What is left of what one evaluation may use. Charged before anything is built.
#[derive(Debug)]
pub struct Fuel {
    bytes: usize,
    steps: usize,
}

impl Default for Fuel {
    fn default() -> Self {
        Self { bytes: TOTAL_BYTES_MAX, steps: STEPS_MAX }
    }
}

impl Fuel {
    /// For a text or list of so many bytes, to be built now.
    pub(super) fn build(&mut self, bytes: usize) -> Result<(), EvalError> {
        if bytes > VALUE_BYTES_MAX {
            return Err(EvalError::ValueTooLarge(VALUE_BYTES_MAX));
        }
        self.bytes = self.bytes.checked_sub(bytes).ok_or(EvalError::TooMuch(TOTAL_BYTES_MAX))?;
        self.look(bytes)
    }

    pub(super) fn steps(&mut self, steps: usize) -> Result<(), EvalError> {
        self.steps = self.steps.checked_sub(steps).ok_or(EvalError::TooLong(STEPS_MAX))?;
        Ok(())
    }

    /// For looking through so many bytes of text.
    pub(super) fn look(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.steps(bytes / STEP_BYTES)
    }
}
