//! Files on their way into an archive, and the archive on its way to whoever takes it.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flow_base::UserId;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};
use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

/// Somebody who takes no part for so long gets no more.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// Nor does who has not taken all of it by then: some megabits a second are enough for
/// gigabytes, and whoever takes a little now and then keeps others from theirs.
const WHOLE_WITHIN: Duration = Duration::from_secs(3_600);
/// Archives that are made at a time on this node.
static MAKING: Semaphore = Semaphore::const_new(4);
/// Whose they are: nobody has two at a time, and so all of them.
static OWNERS: LazyLock<Mutex<HashSet<UserId>>> = LazyLock::new(Mutex::default);

/// A file of the archive.
pub(super) struct File {
    pub(super) name: String,
    pub(super) content: Bytes,
}

/// Leave to make an archive. Dropping it gives it back.
pub(super) struct Turn {
    owner: UserId,
    _permit: SemaphorePermit<'static>,
}

impl Turn {
    /// `None` while this person has one, or as many others as may.
    pub(super) fn take(owner: UserId) -> Option<Self> {
        let permit = MAKING.try_acquire().ok()?;
        // Only what is made gives its owner back as it is dropped.
        let is_first = owners().insert(owner);
        if is_first { Some(Self { owner, _permit: permit }) } else { None }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        owners().remove(&self.owner);
    }
}

fn owners() -> MutexGuard<'static, HashSet<UserId>> {
    // A set of ids is whole whoever panicked beside it.
    OWNERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the archive goes, part by part.
struct Parts {
    parts: mpsc::Sender<io::Result<Bytes>>,
    until: Instant,
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = Ok(Bytes::copy_from_slice(bytes));
        let within = TAKEN_WITHIN.min(self.until.saturating_duration_since(Instant::now()));
        let sent = Handle::current().block_on(async { timeout(within, self.parts.send(part)).await });
        sent.map_err(|_| io::ErrorKind::TimedOut)?.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Until there are no more files, or nobody takes the archive any more.
pub(super) fn write_archive(
    mut files: mpsc::Receiver<File>,
    parts: mpsc::Sender<io::Result<Bytes>>,
    turn: Turn,
) {
    let write = || -> Result<(), ZipError> {
        let parts = Parts { parts, until: Instant::now() + WHOLE_WITHIN };
        let mut archive = ZipWriter::new_stream(io::BufWriter::with_capacity(64 << 10, parts));
        while let Some(File { name, content }) = files.blocking_recv() {
            archive.start_file(name, SimpleFileOptions::default())?;
            archive.write_all(&content)?;
        }
        archive.finish()?.into_inner().flush()?;
        Ok(())
    };
    if let Err(error) = write() {
        tracing::debug!(%error, "an archive was not taken to its end");
    }
    drop(turn);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four slow readers of one person kept everybody else from theirs.
    #[test]
    fn nobody_makes_two_archives_at_a_time_and_others_make_theirs() {
        let people: Vec<_> = (0..5).map(|_| UserId::generate()).collect();
        let mut turns: Vec<_> = people[..4].iter().filter_map(|owner| Turn::take(*owner)).collect();
        assert_eq!(turns.len(), 4);
        assert!(Turn::take(people[4]).is_none(), "there are as many as may be");
        turns.pop();
        assert!(Turn::take(people[0]).is_none(), "she has one");
        let last = Turn::take(people[4]).expect("one has become free");
        turns.clear();
        drop(last);
        assert!(people.iter().all(|owner| Turn::take(*owner).is_some()), "all were given back");
    }
}
