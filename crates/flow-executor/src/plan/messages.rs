use super::Broken;
use super::read::Fields;
use crate::language::{Names, Template};

/// A part of a message.
#[derive(Debug)]
pub enum Block {
    Text(Template),
    Medium { kind: Medium, url: Template, alt: Option<Template> },
    File { url: Template, name: Option<Template> },
    Card(Card),
    Carousel(Vec<Card>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Image,
    Video,
    Audio,
}

#[derive(Debug)]
pub struct Card {
    pub title: Template,
    pub subtitle: Option<Template>,
    pub image: Option<Template>,
    pub buttons: Vec<Button>,
}

#[derive(Debug)]
pub struct Button {
    pub label: Template,
    pub action: ButtonAction,
}

#[derive(Debug)]
pub enum ButtonAction {
    /// Replies this, or the label.
    Reply(Option<String>),
    Open(Template),
}

pub(super) fn blocks(fields: &Fields<'_>, names: &mut Names) -> Result<Vec<Block>, Broken> {
    fields.list("blocks").iter().map(|block| self::block(block, names)).collect()
}

fn block(block: &Fields<'_>, names: &mut Names) -> Result<Block, Broken> {
    let medium = match block.choice("kind")? {
        "text" => return Ok(Block::Text(block.template_or_missing("text", names)?)),
        "card" => return card(block, names).map(Block::Card),
        "carousel" => {
            let cards = block.list("cards");
            return Ok(Block::Carousel(
                cards.iter().map(|item| card(item, names)).collect::<Result<_, _>>()?,
            ));
        }
        "file" => {
            let (url, name) = (block.template_or_missing("url", names)?, block.template("name", names)?);
            return Ok(Block::File { url, name });
        }
        "video" => Medium::Video,
        "audio" => Medium::Audio,
        _ => Medium::Image,
    };
    let (url, alt) = (block.template_or_missing("url", names)?, block.template("alt", names)?);
    Ok(Block::Medium { kind: medium, url, alt })
}

fn card(card: &Fields<'_>, names: &mut Names) -> Result<Card, Broken> {
    Ok(Card {
        title: card.template_or_missing("title", names)?,
        subtitle: card.template("subtitle", names)?,
        image: card.template("image", names)?,
        buttons: card.list("buttons").iter().map(|item| button(item, names)).collect::<Result<_, _>>()?,
    })
}

fn button(button: &Fields<'_>, names: &mut Names) -> Result<Button, Broken> {
    let label = button.template_or_missing("label", names)?;
    let action = match button.choice("kind")? {
        "url" => ButtonAction::Open(button.template_or_missing("url", names)?),
        _ => ButtonAction::Reply(button.text("value").map(str::to_owned)),
    };
    Ok(Button { label, action })
}
