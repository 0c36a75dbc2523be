//! Neighbours, communities and a 2-D layout over the rows of any matrix. Knows no vocabulary.

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    #[error("{rows} rows are too few for {what}: at least {needed} are needed")]
    TooFewRows {
        what: &'static str,
        rows: usize,
        needed: usize,
    },
}

impl GraphError {
    pub fn hint(&self) -> Option<String> {
        None
    }
}
