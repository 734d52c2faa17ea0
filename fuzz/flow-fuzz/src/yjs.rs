use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;

/// The npm package yjs, in a Node process that lives as long as this.
#[derive(Debug)]
pub struct Yjs {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

/// What yjs makes of updates.
#[derive(Debug)]
pub struct Answer {
    /// Of a document to which the updates were applied one after the other.
    pub applied: Result<Seen, Thrown>,
    /// Of one with observers that ask what an editor asks. Asking deletes redundant format
    /// marks of texts, so that it may have more deletions.
    pub asked: Result<Seen, Thrown>,
    /// Of one that read the whole document as yrs encodes it.
    pub joined: Result<Seen, Thrown>,
    /// The first of them, as yjs encodes it.
    pub encoded: Vec<u8>,
    /// Whether every item stands where a client can have put it. Where one does not, the
    /// order in its list is nobody's: it depends on the order of integration.
    pub orderly: bool,
}

/// What a document came to.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Seen {
    /// Client id and clock.
    pub vector: Vec<(u64, u32)>,
    /// Client id, first clock and how many.
    pub deleted: Vec<(u64, u32, u32)>,
    pub view: String,
}

/// Where and how yjs failed.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Thrown {
    pub error: String,
    /// Which update; their number if it was reading.
    pub at: usize,
}

#[derive(Deserialize)]
struct Said {
    applied: Either,
    asked: Either,
    joined: Either,
    orderly: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Seen(Seen),
    Thrown(Thrown),
}

impl From<Either> for Result<Seen, Thrown> {
    fn from(either: Either) -> Self {
        match either {
            Either::Seen(seen) => Ok(seen),
            Either::Thrown(thrown) => Err(thrown),
        }
    }
}

impl Yjs {
    /// Starts Node with the package that `npm ci` put into `tests/stock`.
    ///
    /// # Errors
    /// If there is no Node, or the package is not installed.
    pub fn start() -> io::Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let package = package(here);
        if !package.exists() {
            let missing = format!(
                "{} is missing: run `npm ci` in tests/stock, or `cargo xtask test`",
                package.display()
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, missing));
        }
        let mut child = Command::new("node")
            .arg(here.join("yjs.mjs"))
            .arg(package)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the pipes to Node are missing"));
        };
        Ok(Self { child, to, from })
    }

    /// Lets yjs apply `updates` to one document and `whole` to another.
    ///
    /// # Errors
    /// If the process is gone or says what it should not.
    pub fn apply(&mut self, whole: &[u8], updates: &[Vec<u8>]) -> io::Result<Answer> {
        let mut request = length(updates.len() + 1)?.to_vec();
        for buffer in std::iter::once(whole).chain(updates.iter().map(Vec::as_slice)) {
            request.extend(length(buffer.len())?);
            request.extend_from_slice(buffer);
        }
        self.to.write_all(&length(request.len())?)?;
        self.to.write_all(&request)?;
        self.to.flush()?;
        let Said { applied, asked, joined, orderly } = serde_json::from_slice(&self.read()?)?;
        let (applied, asked, joined) = (applied.into(), asked.into(), joined.into());
        Ok(Answer { applied, asked, joined, encoded: self.read()?, orderly })
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.from.read_exact(&mut length)?;
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for Yjs {
    fn drop(&mut self) {
        // It ends by itself when its input ends; a failure here only means that it has.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn package(here: &Path) -> PathBuf {
    here.join("../../tests/stock/node_modules/yjs/dist/yjs.mjs")
}

fn length(bytes: usize) -> io::Result<[u8; 4]> {
    let length = u32::try_from(bytes).map_err(|_| io::Error::other("an update of more than 4 GiB"))?;
    Ok(length.to_le_bytes())
}
