//! What is said: blocks of messages, as plain values that a page can show without trusting
//! anybody.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Effect, ErrorKind, Machine, Message, Output, Record, RunError};
use crate::language::{Sink, Template};
use crate::markdown;
use crate::plan::{Block, Button, ButtonAction, Card, Medium, NodeIx};

/// How fast people read, and the longest that anything is typed.
const WORDS_PER_MINUTE: u64 = 400;
const TYPING_MS_MAX: u64 = 3_000;

impl Machine<'_> {
    pub(crate) fn rendered(
        &self,
        block: &Block,
        place: usize,
        typing_ms: Option<u64>,
    ) -> Result<Message, RunError> {
        let (block, text) = self.block(block)?;
        let typing_ms = match (place, typing_ms) {
            (0, _) => 0,
            (_, Some(ms)) => ms,
            (_, None) => {
                let words = text.split_whitespace().count() as u64;
                (words * 60_000 / WORDS_PER_MINUTE).min(TYPING_MS_MAX)
            }
        };
        self.sized(Message { id: 0, typing_ms, block, text })
    }

    fn sized(&self, message: Message) -> Result<Message, RunError> {
        let most = self.plan.budgets.message_bytes;
        if message.block.to_string().len() > most {
            let text = format!("a message is larger than {most} bytes");
            return Err(RunError::new(ErrorKind::BudgetExceeded, text));
        }
        Ok(message)
    }

    /// Numbers the message, and says it.
    pub(crate) fn emit(&mut self, now: Timestamp, at: NodeIx, message: Message, out: &mut Output) {
        self.state.said += 1;
        let (visit, message) = (self.state.visit(), Message { id: self.state.said, ..message });
        out.records.push(Record::Emitted { at: now, visit, node: at, message: message.clone() });
        out.effects.push(Effect::Emit(message));
    }

    /// Says one text beside what the node does: a question, last words.
    pub(crate) fn say(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        template: &Template,
        out: &mut Output,
    ) -> Result<(), RunError> {
        let (text, values) = template.render_apart(&self.state)?;
        let content = markdown::tree(&text, &values);
        let text = markdown::plain(&content);
        self.say_tree(now, at, &content, text, out)
    }

    /// Says a text of ours, in which nothing is markup.
    pub(crate) fn say_plain(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        text: &str,
        out: &mut Output,
    ) -> Result<(), RunError> {
        self.say_tree(now, at, &markdown::paragraph(text), text.to_owned(), out)
    }

    fn say_tree(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        content: &Json,
        text: String,
        out: &mut Output,
    ) -> Result<(), RunError> {
        let block = json!({ "kind": "text", "content": content });
        let message = self.sized(Message { id: 0, typing_ms: 0, block, text })?;
        self.emit(now, at, message, out);
        Ok(())
    }

    fn block(&self, block: &Block) -> Result<(Json, String), RunError> {
        Ok(match block {
            Block::Text(template) => {
                let (text, values) = template.render_apart(&self.state)?;
                let content = markdown::tree(&text, &values);
                let text = markdown::plain(&content);
                (json!({ "kind": "text", "content": content }), text)
            }
            Block::Medium { kind, url, alt } => {
                let kind = match kind {
                    Medium::Image => "image",
                    Medium::Video => "video",
                    Medium::Audio => "audio",
                };
                let (url, alt) = (self.address(url)?, self.optional(alt.as_ref())?);
                let text = alt.clone().unwrap_or_else(|| url.clone());
                (json!({ "kind": kind, "url": url, "alt": alt }), text)
            }
            Block::File { url, name } => {
                let (url, name) = (self.address(url)?, self.optional(name.as_ref())?);
                let text = name.clone().unwrap_or_else(|| url.clone());
                (json!({ "kind": "file", "url": url, "name": name }), text)
            }
            Block::Card(card) => {
                let (mut json, text) = self.card(card)?;
                json["kind"] = "card".into();
                (json, text)
            }
            Block::Carousel(cards) => {
                let (mut shown, mut texts) = (Vec::new(), Vec::new());
                for card in cards {
                    let (json, text) = self.card(card)?;
                    shown.push(json);
                    texts.push(text);
                }
                (json!({ "kind": "carousel", "cards": shown }), texts.join("\n"))
            }
        })
    }

    fn card(&self, card: &Card) -> Result<(Json, String), RunError> {
        let title = card.title.render(&self.state, Sink::Text)?;
        let mut text = title.clone();
        let subtitle = match &card.subtitle {
            None => Json::Null,
            Some(subtitle) => {
                let (source, values) = subtitle.render_apart(&self.state)?;
                let content = markdown::tree(&source, &values);
                text = format!("{text}\n{}", markdown::plain(&content));
                content
            }
        };
        let image = card.image.as_ref().map(|image| self.address(image)).transpose()?;
        let buttons = card.buttons.iter().map(|button| self.button(button)).collect::<Result<Vec<_>, _>>()?;
        Ok((json!({ "title": title, "subtitle": subtitle, "image": image, "buttons": buttons }), text))
    }

    fn button(&self, button: &Button) -> Result<Json, RunError> {
        let label = button.label.render(&self.state, Sink::Text)?;
        Ok(match &button.action {
            ButtonAction::Reply(value) => {
                json!({ "kind": "reply", "value": value.as_ref().unwrap_or(&label), "label": label })
            }
            ButtonAction::Open(url) => json!({ "kind": "url", "url": self.address(url)?, "label": label }),
        })
    }

    fn optional(&self, template: Option<&Template>) -> Result<Option<String>, RunError> {
        Ok(template.map(|template| template.render(&self.state, Sink::Text)).transpose()?)
    }

    /// An address that a page may open; others are empty.
    fn address(&self, template: &Template) -> Result<String, RunError> {
        let url = template.render(&self.state, Sink::Url)?;
        Ok(markdown::safe_url(&url).unwrap_or_default())
    }
}
