//! The summary as one HTML page that stands alone: no script, no network, light and dark by the reader's setting.
//!
//! Text     every text is escaped, the page's own policy forbids scripts and anything from elsewhere, and token text is
//!          isolated, so that it cannot turn the direction of what stands beside it

use std::fmt::Write;

use super::document::{Block, Cell, Document};
use super::shown::shown;
use crate::report::{Report, TokenGraph};

/// Points of the map besides the glitch tokens: more would not be told apart.
const POINTS_MAX: usize = 20_000;
/// The map's side in units of the drawing.
const SIDE: f32 = 1000.0;

const STYLE: &str = include_str!("summary.css");

pub fn html(report: &Report, document: &Document) -> String {
    let mut out = String::new();
    // OK because writing to a String cannot fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{}</h1>\n",
        escaped(&document.title),
        escaped(&document.title)
    );
    if let Some(caution) = &document.caution {
        let _ = writeln!(out, "<p class=\"caution\">Warning: {}</p>", escaped(caution));
    }
    for sentence in &document.summary {
        let _ = writeln!(out, "<p class=\"sentence\">{}</p>", escaped(sentence));
    }
    out.push_str("<dl class=\"numbers\">\n");
    for (name, value) in &document.numbers {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(value));
    }
    out.push_str("</dl>\n");
    if let Some(graph) = &report.graph {
        write_map(&mut out, report, graph);
    }
    for section in &document.sections {
        let _ = writeln!(out, "<section>\n<h2>{}</h2>", escaped(&section.heading));
        for block in &section.blocks {
            write_block(&mut out, block);
        }
        out.push_str("</section>\n");
    }
    let version = escaped(&report.provenance.glitchscope);
    let _ = write!(
        out,
        "<footer>Made by Glitchscope {version}. The JSON report holds every score; this page shows a part.</footer>\n\
         </main>\n</body>\n</html>\n"
    );
    out
}

/// The map as two paths of dots: a path of its own for each of 50,000 tokens would be megabytes.
fn write_map(out: &mut String, report: &Report, graph: &TokenGraph) {
    let place = |vertex: usize| {
        let at = |value: f32| ((value.clamp(-1.0, 1.0) + 1.0) / 2.0 * SIDE).round() as i32;
        (at(graph.x[vertex]), at(graph.y[vertex]))
    };
    let is_glitch = |vertex: usize| report.glitch_tokens.binary_search(&graph.ids[vertex]).is_ok();
    let others: Vec<usize> = (0..graph.ids.len()).filter(|&vertex| !is_glitch(vertex)).collect();
    let step = others.len().div_ceil(POINTS_MAX).max(1);
    let mut dots = String::new();
    for &vertex in others.iter().step_by(step) {
        let (x, y) = place(vertex);
        let _ = write!(dots, "M{x} {y}h0");
    }
    let (mut diamonds, mut n_glitch) = (String::new(), 0);
    for vertex in (0..graph.ids.len()).filter(|&vertex| is_glitch(vertex)) {
        let (x, y) = place(vertex);
        let _ = write!(diamonds, "M{x} {}l6 6l-6 6l-6 -6z", y - 6);
        n_glitch += 1;
    }
    let shown = others.len().div_ceil(step);
    // The map is as high as its tokens lie apart, and as wide as it may be.
    let heights = (0..graph.ids.len()).map(|vertex| place(vertex).1);
    let (top, bottom) = heights.fold((SIDE as i32, 0), |(top, bottom), y| (top.min(y), bottom.max(y)));
    let _ = write!(
        out,
        "<figure>\n<svg viewBox=\"-12 {} 1024 {}\" role=\"img\" aria-label=\"Map of {} tokens, {n_glitch} of them \
         glitch tokens\">\n<path class=\"dots\" d=\"{dots}\"/>\n<path class=\"glitches\" d=\"{diamonds}\"/>\n</svg>\n\
         <figcaption>Token Embedding Graph, {} clusters: <span class=\"glitch\">◆ {n_glitch} glitch tokens</span>, \
         {shown} of {} others. Distances on the map are approximate.</figcaption>\n</figure>\n",
        top - 12,
        (bottom - top).max(0) + 24,
        graph.ids.len(),
        graph.n_clusters,
        others.len()
    );
}

fn write_block(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Text(text) => writeln!(out, "<p>{}</p>", escaped(text)),
        Block::Tokens(tokens) => {
            let chips: Vec<String> = tokens.iter().map(|text| chip(text)).collect();
            writeln!(out, "<p class=\"tokens\">{}</p>", chips.join(" "))
        }
        Block::List(items) => {
            let items: Vec<String> =
                items.iter().map(|item| format!("<li dir=\"auto\">{}</li>", escaped(item))).collect();
            writeln!(out, "<ul>{}</ul>", items.join("\n"))
        }
        Block::Table(table) => {
            let caption = escaped(&table.caption);
            let _ = write!(
                out,
                "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table>\n\
                 <caption>{caption}</caption>\n<thead><tr>"
            );
            let first = table.rows.first();
            for (i, name) in table.header.iter().enumerate() {
                let is_number = matches!(first.and_then(|row| row.get(i)), Some(Cell::Number(_)));
                let class = if is_number { " class=\"number\"" } else { "" };
                let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escaped(name));
            }
            out.push_str("</tr></thead>\n<tbody>\n");
            for row in &table.rows {
                out.push_str("<tr>");
                row.iter().for_each(|cell| write_cell(out, cell));
                out.push_str("</tr>\n");
            }
            writeln!(out, "</tbody></table></div>")
        }
    };
}

fn write_cell(out: &mut String, cell: &Cell) {
    let _ = match cell {
        Cell::Text(text) => write!(out, "<td dir=\"auto\">{}</td>", escaped(text)),
        Cell::Number(number) => write!(out, "<td class=\"number\">{}</td>", escaped(number)),
        Cell::Token(text) => write!(out, "<td>{}</td>", chip(text)),
        Cell::Code(text) => write!(out, "<td class=\"code\">{}</td>", escaped(text)),
    };
}

/// A token as the page draws it.
fn chip(text: &str) -> String {
    if text.is_empty() {
        return "<span class=\"quiet\">empty</span>".into();
    }
    format!("<bdi class=\"chip\">{}</bdi>", escaped(&shown(text)))
}

/// Text between tags or inside a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            character if super::csv::is_hidden(character) && character != '\n' => {
                out.push_str(&shown(&character.to_string()));
            }
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: the HTML standard's five characters, by hand.
    #[test]
    fn text_is_never_markup() {
        assert_eq!(
            escaped("</script><img src=x onerror='a(\"1\")'>&"),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a(&quot;1&quot;)&#39;&gt;&amp;"
        );
        assert_eq!(chip(" a\u{202e}"), "<bdi class=\"chip\">␣a⟨U+202E⟩</bdi>");
    }
}
