#![no_main]

use flow_fuzz::concatenate::{self, Kind};
use flow_fuzz::{Counting, Random, mutate};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|input: &[u8]| {
    concatenate::check(input);
});

// As for `updates`: few changes of bytes leave updates of strangers that are let through.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed));
    if let Some((&first, updates)) = data[..size].split_first()
        && Kind::of(first) == Kind::Strangers
        && random.below(4) > 0
    {
        let mutated = mutate::mutate(updates, &mut random);
        if mutated.len() < max_size {
            data[1..=mutated.len()].copy_from_slice(&mutated);
            return mutated.len() + 1;
        }
    }
    fuzzer_mutate(data, size, max_size)
});
