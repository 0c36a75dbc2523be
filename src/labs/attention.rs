//! The concept attention lens: how much of its attention a model gives to words that a person has marked, head by head,
//! and how that differs between models.
//!
//! share[l,h] = Σ_{j∈S∖E} c_j / Σ_{j∉E} c_j, where c_j = Σ_i A[l,h,i,j]
//!
//! A are the softmax weights of one forward pass over the text, query i on key j; S are the concept's tokens and E the
//! excluded ones, which are left out as keys and stay as queries; nothing is normalised again. The sum over all keys is T,
//! so T numbers a head are enough, and no map of T × T is ever kept.
//!
//! Source   Ho 2024, "Effects of continued legal pre-training and instruction fine-tuning on LLMs' attention to legal
//!          concepts", arXiv 2410.12001, with its code at github.com/shaunho7/legal-llm-attention
//! Memory   L·H·T numbers for the sums, 2·T·H while a layer is measured

pub mod comparison;
pub mod request;
pub mod result;
pub mod statistics;

/// What the page needs to know, as TypeScript.
#[cfg(test)]
pub(super) fn typescript() -> String {
    use crate::report::typescript::declare;
    let mut out = String::from("\nimport type { DeviceInfo, ModelInfo } from \"../../report/types\";\n");
    declare::<request::AttentionRequest>(&mut out);
    declare::<request::MarkedText>(&mut out);
    declare::<request::Concept>(&mut out);
    declare::<request::ByteSpan>(&mut out);
    declare::<request::Exclusion>(&mut out);
    declare::<request::Preset>(&mut out);
    declare::<result::AttentionResult>(&mut out);
    declare::<result::TextResult>(&mut out);
    declare::<result::TextTokens>(&mut out);
    declare::<result::TextToken>(&mut out);
    declare::<result::ConceptTokens>(&mut out);
    declare::<result::ConceptResult>(&mut out);
    declare::<result::AttentionWarning>(&mut out);
    declare::<statistics::Statistics>(&mut out);
    declare::<statistics::Histogram>(&mut out);
    declare::<statistics::ClusterInterval>(&mut out);
    declare::<statistics::StatisticsOptions>(&mut out);
    declare::<comparison::AttentionComparison>(&mut out);
    declare::<comparison::ComparedModel>(&mut out);
    declare::<comparison::ComparisonLevel>(&mut out);
    declare::<comparison::ComparedConcept>(&mut out);
    declare::<comparison::ModelPair>(&mut out);
    declare::<comparison::ConceptDifference>(&mut out);
    declare::<comparison::RecurrentHead>(&mut out);
    declare::<comparison::AlignedText>(&mut out);
    declare::<comparison::AlignedPiece>(&mut out);
    out
}
