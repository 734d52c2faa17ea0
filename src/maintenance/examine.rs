//! What is wrong with a flow's log, and what would mend it.
//!
//! The whole log is replayed, update by update, and held against what a server would
//! open: the snapshot and what follows it. Where an update is missing or cannot be
//! applied, the replay goes on with what the mending would put there, so that a mended
//! log is one in which this finds nothing.
//!
//! A snapshot that has everything the log says up to the first damage is believed: what
//! only it has is put where the damage is. Any other that differs is not.

mod page;

use std::collections::BTreeSet;

use bytes::Bytes;
use flow_base::{FlowId, Seq, Timestamp};
use flow_model::FlowDoc;
use flow_store::{Cure, EMPTY_UPDATE, LogStand, Mending, RawUpdate, decode_snapshot};

use super::replay::{Difference, Refused, Replay};
pub(crate) use page::{examine, off_thread};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    /// Where, unless it is about the flow as a whole.
    pub(crate) seq: Option<Seq>,
    pub(crate) what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The log has a hole.
    Missing,
    /// An update that is none.
    Unreadable,
    /// An update that builds on what is not there.
    Unfounded,
    /// Updates behind the end of the log.
    BeyondHead,
    Snapshot,
    LogBytes,
    Projection,
    /// A flow without a head.
    NoLog,
    /// A part of the log that cannot be read from the archive.
    Archive,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Unfounded => "unfounded",
            Self::BeyondHead => "beyond_head",
            Self::Snapshot => "snapshot",
            Self::LogBytes => "log_bytes",
            Self::Projection => "projection",
            Self::NoLog => "no_log",
            Self::Archive => "archive",
        }
    }
}

/// What came of looking at a whole flow.
#[derive(Debug)]
pub(crate) struct Examined {
    /// How many updates there should be.
    pub(crate) updates: u64,
    pub(crate) findings: Vec<Finding>,
    /// `None` when nothing is wrong, or when it cannot be mended.
    pub(crate) plan: Option<Plan>,
}

/// A mending and what the flow says after it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) mending: Mending,
    /// What only the snapshot had, and is put into the log.
    pub(crate) rescued: bool,
    /// How many of the cures are for positions without an update.
    pub(crate) missing: u64,
    pub(crate) document: FlowDoc,
}

/// Why an examination does not go on.
#[derive(Debug)]
enum Stop {
    /// This update broke the document, which has to be built anew without it.
    Spoiled(Seq),
    /// More is missing than can have been lost.
    Holes { from: Seq, to: Seq },
}

/// More holes in a row than this are taken for positions that are wrong, and not for
/// updates that are lost: filling them would only make it worse.
const HOLES_MAX: u64 = 1_000_000;

struct Examination {
    stand: LogStand,
    /// Updates that are known to break a document.
    spoiling: BTreeSet<Seq>,
    /// The whole log, mended.
    log: Replay,
    /// What a server would open; nothing, once it is known to be of no use.
    opened: Option<Replay>,
    snapshot_seq: Seq,
    next: Seq,
    stored_bytes: u64,
    mended_bytes: u64,
    findings: Vec<Finding>,
    cures: Vec<Cure>,
    distrust: Option<String>,
    /// The snapshot was asked for what the log lacks.
    asked: bool,
    rescued: bool,
}

impl Examination {
    fn new(stand: LogStand, spoiling: BTreeSet<Seq>) -> Self {
        let snapshot_seq = stand.snapshot.as_ref().map_or(Seq::ZERO, |snapshot| snapshot.seq);
        let mut examination = Self {
            stand,
            spoiling,
            log: Replay::new(),
            opened: None,
            snapshot_seq,
            next: Seq(1),
            stored_bytes: 0,
            mended_bytes: 0,
            findings: Vec::new(),
            cures: Vec::new(),
            distrust: None,
            asked: false,
            rescued: false,
        };
        examination.open_snapshot();
        examination
    }

    /// The last position that something should be at, or is.
    fn last(&self) -> Seq {
        self.stand.head.max(self.stand.last)
    }

    fn open_snapshot(&mut self) {
        let Some(raw) = self.stand.snapshot.clone() else { return };
        let snapshot = match decode_snapshot(&raw.envelope) {
            Ok(snapshot) => snapshot,
            Err(error) => return self.distrust(format!("the snapshot cannot be read: {error}")),
        };
        if snapshot.seq != raw.seq {
            return self.distrust(format!("the snapshot says that it is of {}", snapshot.seq));
        }
        let mut opened = Replay::new();
        match opened.apply(&snapshot.state) {
            Ok(()) => self.opened = Some(opened),
            Err(Refused::Unreadable(why)) => {
                self.distrust(format!("the document in the snapshot cannot be read: {why}"));
            }
            Err(_) => self.distrust("the document in the snapshot cannot be applied".to_owned()),
        }
        if raw.seq > self.stand.head {
            let what = format!("the snapshot is ahead of the log, which ends at {}", self.stand.head);
            self.distrust(what);
        }
    }

    /// The next updates of the log, in order.
    fn add(&mut self, updates: Vec<RawUpdate>) -> Result<(), Stop> {
        for RawUpdate { seq, bytes } in updates {
            self.miss(seq)?;
            self.stored_bytes += bytes.len() as u64;
            self.step(seq, bytes)?;
            self.next = seq.next();
        }
        Ok(())
    }

    /// Everything before `seq` that has not come is not there.
    fn miss(&mut self, seq: Seq) -> Result<(), Stop> {
        if seq.0.saturating_sub(self.next.0) > HOLES_MAX {
            return Err(Stop::Holes { from: self.next, to: seq });
        }
        while self.next < seq {
            let at = self.next;
            self.find(Kind::Missing, Some(at), "the update is missing".to_owned());
            let put = self.cure(at, None, None)?;
            self.follow(at, &put);
            self.next = at.next();
        }
        Ok(())
    }

    fn step(&mut self, seq: Seq, bytes: Bytes) -> Result<(), Stop> {
        let applied = if self.spoiling.contains(&seq) {
            Err(Refused::Unreadable("it breaks the document".to_owned()))
        } else {
            self.log.apply(&bytes)
        };
        let put = match applied {
            Ok(()) => {
                self.mended_bytes += bytes.len() as u64;
                bytes
            }
            Err(Refused::Spoiled) => return Err(Stop::Spoiled(seq)),
            Err(Refused::Unreadable(why)) => {
                self.find(Kind::Unreadable, Some(seq), format!("the update cannot be applied: {why}"));
                self.cure(seq, None, None)?
            }
            Err(Refused::Unfounded(ready)) => {
                self.find(Kind::Unfounded, Some(seq), "the update builds on what is not there".to_owned());
                self.cure(seq, Some(&bytes), ready)?
            }
        };
        self.follow(seq, &put);
        Ok(())
    }

    /// Decides what takes the place of a position that the last finding is about, and
    /// applies it. `whole` can be applied where what it builds on is found, `ready` always.
    fn cure(&mut self, seq: Seq, whole: Option<&Bytes>, ready: Option<Vec<u8>>) -> Result<Bytes, Stop> {
        let spoiled = |_: Refused| Stop::Spoiled(seq);
        let put = if let Some(rescue) = self.rescue() {
            let before = self.log.doc().state_vector_v1();
            self.log.apply(&rescue).map_err(spoiled)?;
            let whole = whole.map(|whole| self.log.apply(whole));
            match whole {
                None | Some(Ok(())) => {}
                Some(Err(Refused::Unfounded(ready))) => {
                    ready.map_or(Ok(()), |ready| self.log.apply(&ready)).map_err(spoiled)?;
                }
                Some(Err(refused)) => return Err(spoiled(refused)),
            }
            self.log.since(&before)
        } else if let Some(ready) = ready {
            self.log.apply(&ready).map_err(spoiled)?;
            Bytes::from(ready)
        } else {
            EMPTY_UPDATE
        };
        let reason = self.findings.last().map(|finding| finding.what.clone()).unwrap_or_default();
        self.mended_bytes += put.len() as u64;
        self.cures.push(Cure { seq, reason, put: put.clone() });
        Ok(put)
    }

    /// At the first damage, what the snapshot has and the log before it has not. Later
    /// there is nothing that it could add.
    fn rescue(&mut self) -> Option<Bytes> {
        if std::mem::replace(&mut self.asked, true) {
            return None;
        }
        let opened = self.opened.as_ref().filter(|opened| opened.covers(&self.log))?;
        if self.log.covers(opened) {
            return None;
        }
        self.rescued = true;
        Some(opened.since(&self.log.doc().state_vector_v1()))
    }

    /// What comes after the snapshot is part of what a server opens.
    fn follow(&mut self, seq: Seq, put: &[u8]) {
        if seq <= self.snapshot_seq {
            return;
        }
        let Some(opened) = &mut self.opened else { return };
        if opened.apply(put).is_err() {
            self.opened = None;
            self.distrust(format!("update {seq} cannot be applied to the snapshot"));
        }
    }

    fn find(&mut self, kind: Kind, seq: Option<Seq>, what: String) {
        self.findings.push(Finding { kind, seq, what });
    }

    fn distrust(&mut self, what: String) {
        self.distrust.get_or_insert_with(|| what.clone());
        self.find(Kind::Snapshot, Some(self.snapshot_seq), what);
    }

    fn finish(mut self, flow: FlowId, at: Timestamp) -> Result<Examined, Stop> {
        let last = self.last();
        self.miss(last.next())?;
        let (head, stored) = (self.stand.head, self.stand.last);
        if stored > head {
            let what = format!("updates up to {stored} lie behind the end of the log, {head}");
            self.find(Kind::BeyondHead, Some(head.next()), what);
        }
        let appended = self.compare();
        if self.stored_bytes != self.stand.log_bytes {
            let what =
                format!("the updates have {} bytes, counted are {}", self.stored_bytes, self.stand.log_bytes);
            self.find(Kind::LogBytes, None, what);
        }
        if self.stand.projected > head {
            let what = format!("the list of flows shows it as of {}, which the log does not have", {
                self.stand.projected
            });
            self.find(Kind::Projection, Some(self.stand.projected), what);
        }
        let Self { stand, log, findings, cures, distrust, rescued, mended_bytes, .. } = self;
        let missing = findings.iter().filter(|finding| finding.kind == Kind::Missing).count() as u64;
        let plan = (!findings.is_empty()).then(|| Plan {
            mending: Mending {
                flow,
                head,
                snapshot: stand.snapshot.map(|snapshot| snapshot.seq),
                at,
                cures,
                distrust,
                log_bytes: mended_bytes + appended.len() as u64,
                appended,
                last: last.next(),
                state: Bytes::from(log.doc().encode_state_v1()),
            },
            rescued,
            missing,
            document: log.into_doc(),
        });
        Ok(Examined { updates: last.0, findings, plan })
    }

    /// Holds what a server would open against the log; answers what the log lacks of it.
    fn compare(&mut self) -> Bytes {
        let Some(opened) = self.opened.take() else { return EMPTY_UPDATE };
        match opened.difference(&self.log) {
            Difference::None => return EMPTY_UPDATE,
            Difference::HasMore => {
                let more = opened.since(&self.log.doc().state_vector_v1());
                self.distrust("the snapshot has what no update has".to_owned());
                // Otherwise it stays in the quarantine only.
                if self.log.apply(&more).is_ok() {
                    self.rescued = true;
                    return more;
                }
            }
            Difference::Other => self.distrust("the snapshot is not what the updates come to".to_owned()),
        }
        EMPTY_UPDATE
    }
}
