//! The stages of a scan, by the names that `Event::Stage` carries.

pub const CONTROLS: &str = "controls";
pub const COMPONENTS: &str = "components";
pub const NEIGHBOURS: &str = "neighbours";
pub const WEIGHTS: &str = "weights";
pub const COMMUNITIES: &str = "communities";
pub const LAYOUT: &str = "layout";
pub const PROBING: &str = "probing";
pub const VERIFYING: &str = "verifying";

/// Every stage in the order of a scan, and what it does, in words. A search goes round from `components` to `probing`
/// (without `layout`) until it ends.
pub const STAGES: [(&str, &str); 8] = [
    (CONTROLS, "asks about ordinary words, to see whether the model can do the task at all"),
    (COMPONENTS, "reduces the embedding to its first principal components"),
    (NEIGHBOURS, "finds the nearest neighbours of every token"),
    (WEIGHTS, "turns distances into the weights of a graph"),
    (COMMUNITIES, "groups the graph into communities (Leiden)"),
    (LAYOUT, "draws the map"),
    (PROBING, "asks the model about tokens"),
    (VERIFYING, "asks about every surviving token that is still unknown"),
];
