//! What a commit costs at least: CPU of a thread that writes a page into a file that does
//! not grow and waits until it is on the disk, at the pace of a busy log writer. Half of a
//! storage's figures are the disk's and the kernel's; this says how large that half is.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;

#[derive(Debug, Parser)]
struct Options {
    /// The folder to write into, on the disk that is asked about.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Written at once.
    #[arg(long, default_value_t = 4 << 10)]
    bytes: usize,
    /// From the begin of one write to the begin of the next, in milliseconds.
    #[arg(long, default_value_t = 15)]
    every: u64,
    #[arg(long, default_value_t = 600)]
    writes: u32,
}

/// The file is written from its begin again when it is full.
const FILE_BYTES: u64 = 8 << 20;

#[expect(clippy::print_stdout, reason = "it says what it has measured")]
fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let path = options.folder.join(format!("synced-{}", std::process::id()));
    let file = OpenOptions::new().create_new(true).write(true).open(&path);
    let file = file.with_context(|| format!("could not make {}", path.display()))?;
    let measured = measure(&file, &options);
    drop(file);
    fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
    let (waiting, writing) = measured?;
    println!(
        "waiting {waiting:.0} µs of CPU, waiting and writing {writing:.0} µs, each {} ms",
        options.every
    );
    Ok(())
}

fn measure(file: &File, options: &Options) -> anyhow::Result<(f64, f64)> {
    let room = usize::try_from(FILE_BYTES).context("the file is too large")?;
    file.write_all_at(&vec![0; room], 0)?;
    file.sync_all()?;
    let page = vec![1; options.bytes];
    let last = FILE_BYTES.saturating_sub(options.bytes as u64);
    let mut at = 0;
    let waiting = paced(options, || Ok(()))?;
    let writing = paced(options, || {
        file.write_all_at(&page, at)?;
        at = if at + options.bytes as u64 > last { 0 } else { at + options.bytes as u64 };
        file.sync_data()
    })?;
    Ok((waiting, writing))
}

/// Microseconds of this thread's CPU for each turn.
#[expect(clippy::disallowed_methods, reason = "what a thread costs that sleeps is what is measured")]
fn paced(options: &Options, mut work: impl FnMut() -> std::io::Result<()>) -> anyhow::Result<f64> {
    let (began, before) = (Instant::now(), cpu()?);
    for turn in 1..=options.writes {
        work()?;
        let due = began + Duration::from_millis(options.every) * turn;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok((cpu()? - before) / 1_000.0 / f64::from(options.writes))
}

/// Nanoseconds that this thread has run.
fn cpu() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("only Linux says that")?;
    let ran = text.split(' ').next().context("schedstat is empty")?;
    ran.parse().context("schedstat is no number")
}
