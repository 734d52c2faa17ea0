#![no_main]

use flow_fuzz::{Counting, awareness};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|update: &[u8]| awareness::check(update));
