#![no_main]

use std::cell::RefCell;

use flow_fuzz::{Counting, Random, Yjs, mutate, updates};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static YJS: RefCell<Yjs> = RefCell::new(Yjs::start().expect("node runs fuzz/flow-fuzz/yjs.mjs"));
}

fuzz_target!(|input: &[u8]| {
    YJS.with_borrow_mut(|yjs| updates::check(input, yjs));
});

// Few changes of bytes leave an update that the walker lets through. Most mutations
// therefore change its structs, one in four its bytes.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed));
    if random.below(4) > 0 {
        let mutated = mutate::mutate(&data[..size], &mut random);
        if mutated.len() <= max_size {
            data[..mutated.len()].copy_from_slice(&mutated);
            return mutated.len();
        }
    }
    fuzzer_mutate(data, size, max_size)
});
