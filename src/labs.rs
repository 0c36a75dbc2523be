//! The labs: one folder per published system other than the glitch scan.
//!
//! A lab's request and result are plain data. What it needs of a model is declared here, so that a page can say why a lab
//! is out of reach before anybody has filled in a form.

pub mod attention;
// In wasm it is a file of its own, with SQLite and without a model.
#[cfg(any(not(target_arch = "wasm32"), feature = "database"))]
pub mod holobench;
#[cfg(test)]
mod typescript;

use serde::{Deserialize, Serialize};

/// What a lab needs of the loaded model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Text as token ids.
    Tokenizer,
    /// The rows of the token embedding.
    Embeddings,
    /// Logits.
    Forward,
    /// What each token attends to.
    Attention,
    /// Gradients.
    Backward,
}

/// A need that the loaded model does not meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Lack {
    pub need: Need,
    /// A sentence for people.
    pub reason: String,
}

/// One line of the registry.
pub struct Lab {
    /// As in links, in folders and as the name of its command.
    pub id: &'static str,
    pub needs: &'static [Need],
    /// The lab's own page, which is its help as well.
    pub docs: &'static str,
}

pub const LABS: &[Lab] = &[
    Lab {
        id: "attention",
        needs: &[Need::Tokenizer, Need::Forward, Need::Attention],
        docs: include_str!("../docs/labs/attention.md"),
    },
    Lab { id: "holobench", needs: &[Need::Tokenizer, Need::Forward], docs: include_str!("../docs/labs/holobench.md") },
];
