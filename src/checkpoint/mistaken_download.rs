//! What people really have in hand when a download went wrong, by a file's first bytes.

pub(super) const LFS_POINTER: &str = "it is a Git LFS pointer, not the weights";
pub(super) const WEB_PAGE: &str = "it is a web page";

/// What a file is that was downloaded in the place of weights; `None` when its beginning says nothing of the kind.
pub(super) fn recognise(first: &[u8; 8]) -> Option<&'static str> {
    let lower = first.to_ascii_lowercase();
    if first == b"version " {
        return Some(LFS_POINTER);
    }
    [&b"<!doctyp"[..], b"<html", b"<head", b"<?xml "].iter().any(|begin| lower.starts_with(begin)).then_some(WEB_PAGE)
}

/// What to do about it.
pub(super) fn hint(found: &str) -> Option<&'static str> {
    match found {
        LFS_POINTER => {
            Some("Fetch the file itself: run `git lfs pull` in the folder, or download it from the model's page.")
        }
        WEB_PAGE => Some("The server answered with a page, perhaps to sign in: take the address of the file itself."),
        _ => None,
    }
}
