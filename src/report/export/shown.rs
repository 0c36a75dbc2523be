//! Token text as people see it, by the rules of the page (`www/src/report/token_text.ts`): what cannot be seen has a name,
//! and nothing of it steers the document it stands in.

use unicode_normalization::char::is_combining_mark;

/// Characters of a shown token; longer ones are cut in the middle.
const CHARACTERS_MAX: usize = 40;

/// The shown form of a text.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut count = 0;
    let total = text.chars().count();
    let half = (CHARACTERS_MAX - 1) / 2;
    let mut after_visible = false;
    for (place, character) in text.chars().enumerate() {
        if total > CHARACTERS_MAX && (half..total - half).contains(&place) {
            if place == half {
                out.push('…');
            }
            after_visible = false;
            continue;
        }
        count += 1;
        debug_assert!(count <= CHARACTERS_MAX);
        match name(character) {
            Some(name) => out.push_str(&name),
            None => {
                if is_combining_mark(character) && !after_visible {
                    out.push('◌');
                }
                out.push(character);
            }
        }
        after_visible = name(character).is_none();
    }
    out
}

/// The name of a character that does not show, or that changes how others show.
fn name(character: char) -> Option<String> {
    let named = match character {
        ' ' => "␣",
        '\n' => "⏎",
        '\t' => "⇥",
        '\u{7f}' => "␡",
        '\u{a0}' => "⟨NBSP⟩",
        '\u{ad}' => "⟨SHY⟩",
        '\u{200b}' => "⟨ZWSP⟩",
        '\u{200c}' => "⟨ZWNJ⟩",
        '\u{200d}' => "⟨ZWJ⟩",
        '\u{feff}' => "⟨BOM⟩",
        '\u{fffd}' => "�",
        '\0'..='\u{1f}' => {
            // Control pictures stand in the order of the controls.
            return char::from_u32(0x2400 + character as u32).map(String::from);
        }
        _ => {
            let hidden = super::csv::is_hidden(character) || is_private(character);
            return hidden.then(|| format!("⟨U+{:04X}⟩", character as u32));
        }
    };
    Some(named.into())
}

fn is_private(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the page's rules, by hand.
    #[test]
    fn what_cannot_be_seen_has_a_name() {
        for (text, expected) in [
            (" the", "␣the"),
            ("a\r\n\tb", "a␍⏎⇥b"),
            ("\u{202e}x\u{200b}", "⟨U+202E⟩x⟨ZWSP⟩"),
            ("\u{301}e\u{301}", "◌\u{301}e\u{301}"),
            ("\u{e123}", "⟨U+E123⟩"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
        let long = shown(&"ab".repeat(60));
        assert_eq!(long.chars().count(), 39);
        assert!(long.starts_with("abab") && long.ends_with("bab") && long.contains('…'));
    }
}
