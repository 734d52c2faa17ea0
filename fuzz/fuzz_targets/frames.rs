#![no_main]

use flow_fuzz::{Counting, frames};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|frame: &[u8]| frames::check(frame));
