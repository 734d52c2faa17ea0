//! The kept corpora replayed, and updates made up by seed, with any toolchain.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use flow_fuzz::{Counting, Random, Yjs, awareness, concatenate, frames, mutate, updates};

#[global_allocator]
static COUNTING: Counting = Counting;

/// A few seconds.
const MADE_UP: u64 = 4_000;

/// Gives every kept input of a target to `check`; names the one it fails on.
fn replay(target: &str, mut check: impl FnMut(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    let entries = fs::read_dir(&folder).expect("the corpus is kept");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the corpus can be read").path()).collect();
    paths.sort();
    assert!(paths.len() > 20, "only {} inputs in {}", paths.len(), folder.display());
    for path in paths {
        let input = fs::read(&path).expect("an input can be read");
        if catch_unwind(AssertUnwindSafe(|| check(&input))).is_err() {
            panic!("{}", path.display());
        }
    }
}

#[test]
fn the_kept_frames_are_read_soundly() {
    replay("frames", frames::check);
}

#[test]
fn the_kept_awareness_updates_are_read_soundly() {
    replay("awareness", awareness::check);
}

#[test]
fn the_kept_updates_are_read_alike_by_yrs_and_yjs() {
    let mut yjs = Yjs::start().unwrap();
    let mut applied = 0;
    replay("updates", |input| applied += updates::check(input, &mut yjs));
    assert!(applied > 100, "only {applied} updates were let through");
}

#[test]
fn made_up_updates_are_read_alike_by_yrs_and_yjs() {
    let mut yjs = Yjs::start().unwrap();
    let mut applied = 0;
    for seed in 0..MADE_UP {
        let input = made_up(seed);
        let checked = catch_unwind(AssertUnwindSafe(|| updates::check(&input, &mut yjs)));
        applied += checked.unwrap_or_else(|_| panic!("seed {seed}: {input:?}"));
    }
    assert!(applied as u64 > MADE_UP / 4, "only {applied} updates were let through");
}

#[test]
fn the_kept_logs_are_concatenated_as_they_say() {
    let mut concatenated = 0;
    replay("concatenate", |input| concatenated += usize::from(concatenate::check(input)));
    assert!(concatenated > 20, "only {concatenated} logs were concatenated");
}

#[test]
fn made_up_logs_are_concatenated_as_they_say() {
    let mut concatenated = 0;
    for seed in 0..MADE_UP {
        let input = made_up_log(seed);
        let checked = catch_unwind(|| concatenate::check(&input));
        concatenated += u64::from(checked.unwrap_or_else(|_| panic!("seed {seed}: {input:?}")));
    }
    assert!(concatenated > MADE_UP / 4, "only {concatenated} logs were concatenated");
}

/// Of every kind: updates of strangers, or choices of who edits.
fn made_up_log(seed: u64) -> Vec<u8> {
    let kind = u8::try_from(seed % 4).expect("it is below 4");
    if concatenate::Kind::of(kind) == concatenate::Kind::Strangers {
        return [&[kind][..], &made_up(seed / 4)].concat();
    }
    let mut random = Random::new(seed);
    let choices = 20 + random.below(200);
    let choice = |_| u8::try_from(random.below(256)).expect("it is below 256");
    std::iter::once(kind).chain((0..choices).map(choice)).collect()
}

/// Half of them as the generator makes them, half with a few structs changed.
fn made_up(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let [first, second] = mutate::fresh(&mut random).map(|model| model.write());
    let input = updates::input(&first, &second);
    if seed.is_multiple_of(2) { input } else { mutate::mutate(&input, &mut random) }
}
