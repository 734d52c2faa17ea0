//! Changes updates by their structs.
//!
//! What comes out is well formed, and mostly sound: ids are mostly those of structs
//! that exist, so that much of it passes the walker and integrates.

use flow_protocol::walk::Id;

use crate::Random;
use crate::model::{Item, Model, Piece, Section, Within};
use crate::random_content::content;
use crate::updates::{input, parts};

/// Longest input made; what is longer is changed byte by byte.
const FIRST_BYTES_MAX: usize = 65_535;

/// An input like this one, with a few structs changed; or quite another.
#[must_use]
pub fn mutate(data: &[u8], random: &mut Random) -> Vec<u8> {
    let (first, second) = parts(data);
    let mut models = match (Model::read(first), Model::read(second)) {
        (None, None) => fresh(random),
        _ if random.one_in(24) => fresh(random),
        (first, second) => [first.unwrap_or_default(), second.unwrap_or_default()],
    };
    for _ in 0..=random.below(3) {
        change(&mut models, random);
    }
    let [first, second] = models.map(|model| model.write());
    if first.len() > FIRST_BYTES_MAX { input(&[], &second) } else { input(&first, &second) }
}

const CLIENTS: [u64; 6] = [1, 2, 3, 200, 0xffff_ffff, (1 << 53) - 1];
const ROOTS: [&str; 5] = ["t", "nodes", "meta", "layout", "x"];
const KEYS: [&str; 5] = ["k", "type", "data", "lineage", "n1"];

/// Two updates in which a handful of clients write, each knowing what was before.
#[must_use]
pub fn fresh(random: &mut Random) -> [Model; 2] {
    let mut models = [Model::default(), Model::default()];
    let steps = 1 + random.below(14);
    let turn = random.below(steps + 1);
    for step in 0..steps {
        let to = usize::from(step >= turn);
        append(&mut models, to, random);
    }
    for _ in 0..random.below(3) {
        delete(&mut models, random);
    }
    models
}

/// One more struct at the end of a client's clocks.
fn append(models: &mut [Model; 2], to: usize, random: &mut Random) {
    let client = if random.one_in(12) { random.of(CLIENTS) } else { random.of([1, 2, 3]) };
    let clock = models
        .iter()
        .flat_map(|model| &model.sections)
        .filter(|section| section.client == client)
        .map(Section::end)
        .max()
        .unwrap_or(0);
    let piece = new_piece(models, random);
    let sections = &mut models[to].sections;
    match sections.iter_mut().find(|section| section.client == client) {
        Some(section) => section.pieces.push(piece),
        None => sections.push(Section { client, clock, pieces: vec![piece] }),
    }
}

fn change(models: &mut [Model; 2], random: &mut Random) {
    let to = usize::from(random.one_in(2));
    match random.below(12) {
        0..=2 => append(models, to, random),
        3 => delete(models, random),
        4..=6 => {
            let ids = Ids::of(models);
            if let Some(item) = any_item(&mut models[to], random) {
                relink(item, &ids, random);
            }
        }
        7 => {
            if let Some(item) = any_item(&mut models[to], random) {
                item.content = content(random);
            }
        }
        8 => {
            let new = new_piece(models, random);
            if let Some(pieces) = any_pieces(&mut models[to], random) {
                let at = random.at(pieces.len() + 1).unwrap_or(0);
                pieces.insert(at, new);
            }
        }
        9 => {
            let Some(pieces) = any_pieces(&mut models[to], random) else { return };
            let Some(at) = random.at(pieces.len()) else { return };
            match random.below(3) {
                0 => drop(pieces.remove(at)),
                1 => pieces[at] = Piece::Gc(pieces[at].clocks()),
                _ => pieces.insert(at, pieces[at].clone()),
            }
        }
        10 => move_section(models, to, random),
        _ => {
            let Some(at) = random.at(models[to].sections.len()) else { return };
            let section = &mut models[to].sections[at];
            match random.below(3) {
                0 => section.client = random.of(CLIENTS),
                1 => section.clock = random.below(6),
                _ => models[to].sections.rotate_left(1),
            }
        }
    }
}

/// Part of a client's structs goes into the other update: at a cut, or all again.
fn move_section(models: &mut [Model; 2], from: usize, random: &mut Random) {
    let Some(at) = random.at(models[from].sections.len()) else { return };
    let section = models[from].sections[at].clone();
    let cut = random.at(section.pieces.len() + 1).unwrap_or(0);
    let before: u32 = section.pieces[..cut].iter().map(Piece::clocks).sum();
    let moved = Section { clock: section.clock + before, pieces: section.pieces[cut..].to_vec(), ..section };
    if random.one_in(2) {
        models[from].sections[at].pieces.truncate(cut);
    }
    let others = &mut models[1 - from].sections;
    others.retain(|other| other.client != moved.client);
    others.push(moved);
}

fn delete(models: &mut [Model; 2], random: &mut Random) {
    let Some(id) = Ids::of(models).any(random) else { return };
    let to = usize::from(random.one_in(2));
    let range = (id.clock, 1 + random.below(4));
    let deleted = &mut models[to].deleted;
    match deleted.iter_mut().find(|(client, _)| *client == id.client) {
        Some((_, ranges)) => ranges.push(range),
        None => deleted.push((id.client, vec![range])),
    }
}

fn new_piece(models: &[Model; 2], random: &mut Random) -> Piece {
    match random.below(20) {
        0 => Piece::Gc(1 + random.below(4)),
        1 => Piece::Skip(1 + random.below(4)),
        _ => {
            let mut item = Item {
                origin: None,
                right_origin: None,
                within: Within::Root(random.of(ROOTS).to_owned()),
                key: None,
                content: content(random),
            };
            relink(&mut item, &Ids::of(models), random);
            Piece::Item(item)
        }
    }
}

/// Puts an item somewhere else.
fn relink(item: &mut Item, ids: &Ids, random: &mut Random) {
    let far = Id { client: random.of(CLIENTS), clock: random.below(8) };
    let any = |random: &mut Random| if random.one_in(20) { Some(far) } else { ids.any(random) };
    match random.below(6) {
        0 => {
            item.origin = any(random);
            item.right_origin = None;
        }
        1 => {
            item.origin = None;
            item.right_origin = any(random);
        }
        2 => {
            item.origin = any(random);
            item.right_origin = any(random);
        }
        3 => {
            (item.origin, item.right_origin) = (None, None);
            item.within = Within::Root(random.of(ROOTS).to_owned());
        }
        _ => {
            (item.origin, item.right_origin) = (None, None);
            if let Some(id) = random.pick(&ids.types) {
                item.within = Within::Item(*id);
            }
        }
    }
    item.key = random.one_in(2).then(|| random.of(KEYS).to_owned());
}

fn any_pieces<'a>(model: &'a mut Model, random: &mut Random) -> Option<&'a mut Vec<Piece>> {
    let at = random.at(model.sections.len())?;
    Some(&mut model.sections[at].pieces)
}

fn any_item<'a>(model: &'a mut Model, random: &mut Random) -> Option<&'a mut Item> {
    let pieces = any_pieces(model, random)?;
    let at = random.at(pieces.len())?;
    match &mut pieces[at] {
        Piece::Item(item) => Some(item),
        Piece::Gc(_) | Piece::Skip(_) => None,
    }
}

impl Section {
    fn end(&self) -> u32 {
        self.pieces.iter().fold(self.clock, |end, piece| end.saturating_add(piece.clocks()))
    }
}

/// The ids that two updates bring.
struct Ids {
    /// First clock and length of every struct that is no hole.
    all: Vec<(Id, u32)>,
    /// Of items that hold types.
    types: Vec<Id>,
}

const TYPE: u8 = 7;

impl Ids {
    fn of(models: &[Model; 2]) -> Self {
        let (mut all, mut types) = (Vec::new(), Vec::new());
        for section in models.iter().flat_map(|model| &model.sections) {
            let mut clock = section.clock;
            for piece in &section.pieces {
                let id = Id { client: section.client, clock };
                if !matches!(piece, Piece::Skip(_)) {
                    all.push((id, piece.clocks()));
                }
                if matches!(piece, Piece::Item(item) if item.content.kind == TYPE) {
                    types.push(id);
                }
                clock = clock.saturating_add(piece.clocks());
            }
        }
        Self { all, types }
    }

    /// Any clock of any struct.
    fn any(&self, random: &mut Random) -> Option<Id> {
        let (id, len) = random.pick(&self.all)?;
        Some(Id { client: id.client, clock: id.clock.saturating_add(random.below((*len).max(1))) })
    }
}
