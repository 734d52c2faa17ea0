//! Presence as `y-protocols/awareness.js` sends it.

use std::io::Write as _;

use super::{put_frame, put_var_uint};

/// Somebody whose cursor moves.
#[derive(Debug)]
pub struct Cursor {
    client: u64,
    clock: u64,
}

impl Cursor {
    #[must_use]
    pub const fn new(client: u64) -> Self {
        Self { client, clock: 0 }
    }

    /// The next state, as an awareness update. The first has the clock 1.
    pub fn state(&mut self) -> Vec<u8> {
        self.clock += 1;
        let (x, y) = (self.clock * 7 % 1_600, self.clock * 3 % 900);
        let mut state = Vec::with_capacity(96);
        write!(
            state,
            r##"{{"user":{{"name":"Person {}","color":"#30bced"}},"cursor":{{"x":{x},"y":{y}}}}}"##,
            self.client % 10_000
        )
        .expect("writing to memory does not fail");
        let mut out = vec![1];
        put_var_uint(&mut out, self.client);
        put_var_uint(&mut out, self.clock);
        put_var_uint(&mut out, state.len() as u64);
        out.extend_from_slice(&state);
        out
    }

    /// Appends the next state as a client's WebSocket frame.
    pub fn put_state_frame(&mut self, out: &mut Vec<u8>) {
        let state = self.state();
        let mut message = Vec::with_capacity(state.len() + 4);
        message.push(1);
        put_var_uint(&mut message, state.len() as u64);
        message.extend_from_slice(&state);
        put_frame(out, &message);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flow_protocol::awareness;

    use super::*;

    #[test]
    fn states_read_back_with_rising_clocks() {
        let mut cursor = Cursor::new(4_000_000_000);
        for clock in 1..400 {
            let decoded = awareness::decode(&Bytes::from(cursor.state())).unwrap();
            assert_eq!((decoded.len(), decoded[0].client, decoded[0].clock), (1, 4_000_000_000, clock));
            let state: serde_json::Value = serde_json::from_slice(&decoded[0].state).unwrap();
            assert!(state["cursor"]["x"].is_u64() && state["user"]["name"].is_string());
        }
    }
}
